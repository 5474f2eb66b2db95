// Verification by comparing emoji with another device of the same user (Client-Server API, "Short Authentication String
// (SAS) verification"), over to-device messages.
import { BridgeError } from "#bridge";
import { storeTrouble } from "./decryption.ts";
import type { OutgoingRequests } from "./outgoing-requests.ts";
import type { CryptoWasm, Wasm } from "./wasm.ts";

/** One of seven. `name` is in English, from the specification. */
export interface SasEmoji {
  readonly symbol: string;
  readonly name: string;
}

/** A dialogue with one other device. Every step rejects with BridgeError: `reject` when the other side gives up. */
export interface Verification {
  /** The other device; unknown until one of the user's devices takes up what we asked. */
  readonly deviceId: string | undefined;
  /** The request came from there: nothing happens before `emoji` accepts it. */
  readonly incoming: boolean;
  /** Agrees to it, waits for the other side and resolves with the seven emoji that both must show. */
  emoji(): Promise<readonly SasEmoji[]>;
  /** The user says they are the same. Resolves when both sides are through and this device is verified. */
  confirm(): Promise<void>;
  /** The user says they differ, or wants no more. */
  cancel(): Promise<void>;
}

interface VerificationDeps {
  readonly wasm: CryptoWasm;
  readonly machine: Wasm.OlmMachine;
  readonly requests: OutgoingRequests;
  readonly syncs: Syncs;
}

/** Waiting for what a sync brings: a dialogue goes on when one has been taken. (The library's own callbacks get lost.) */
export interface Syncs {
  /** One has been taken. */
  tell(): void;
  /** Resolves with the first answer of `look` that is not undefined or false; rejects with what it throws. */
  until<T>(look: () => T | undefined | false): Promise<T>;
}

/** The specification's own limit for a request that nobody takes up. */
const patience = 600_000;

/** Asks all other devices of the user. The first that answers is the other side. */
export async function startVerification(deps: VerificationDeps): Promise<Verification> {
  const { wasm, machine, requests } = deps;
  await requests.send(machine.queryKeysForUsers([new wasm.UserId(machine.userId.toString())]));
  const identity = await machine.getIdentity(new wasm.UserId(machine.userId.toString()));
  if (!(identity instanceof wasm.OwnUserIdentity)) {
    throw new BridgeError("reject", "This account has no other verified device: set one up in another Matrix client.", {
      condition: "item-not-found",
    });
  }
  const [request, message] = await identity.requestVerification([wasm.VerificationMethod.SasV1]);
  await requests.send(message);
  return dialogue(deps, request);
}

/** The request that an event of the sync is, when it comes from another device of the user and is still open. */
export function incomingVerification(deps: VerificationDeps, flowId: string): Verification | undefined {
  const { wasm, machine } = deps;
  const request = machine.getVerificationRequest(new wasm.UserId(machine.userId.toString()), flowId);
  if (request?.phase() !== wasm.VerificationRequestPhase.Requested || request.weStarted()) return undefined;
  return dialogue(deps, request);
}

function dialogue(deps: VerificationDeps, request: Wasm.VerificationRequest): Verification {
  const { wasm, requests, syncs } = deps;
  const phases = wasm.VerificationRequestPhase;
  let sas: Wasm.Sas | undefined;

  /** The exchange of emoji, when one has begun: by the other side, by us, or by both, and then the one that wins. */
  const exchange = (): Wasm.Sas | undefined => {
    const found = request.getVerification();
    return found instanceof wasm.Sas ? found : undefined;
  };
  /** What nobody waits for. The other side learns of our failure, and we by that. */
  const post = (message: Wasm.ToDeviceRequest | Wasm.RoomMessageRequest | undefined): void => {
    if (message) requests.send(message).catch(() => request.cancel());
  };
  const begin = async (): Promise<void> => {
    await syncs.until(() => failIfOver(request) || ![phases.Created, phases.Requested].includes(request.phase()));
    if (exchange()) return;
    const started = await request.startSas();
    if (started) await requests.send(started[1]);
    else if (!exchange()) throw new BridgeError("reject", "The other device cannot compare emoji.");
  };

  return {
    get deviceId() {
      return request.otherDeviceId?.toString();
    },
    incoming: !request.weStarted(),
    emoji: step(async () => {
      if (!request.weStarted() && request.phase() === phases.Requested) {
        const accept = request.acceptWithMethods([wasm.VerificationMethod.SasV1]);
        if (accept) await requests.send(accept);
      }
      await begin();
      return syncs.until(() => {
        failIfOver(request);
        const current = exchange();
        if (!current) return undefined;
        post(current.accept()); // nothing, when it is ours or accepted
        if (!current.canBePresented()) return undefined;
        sas = current;
        return current.emoji()?.map(({ symbol, description }) => ({ symbol, name: description }));
      });
    }),
    confirm: step(async () => {
      const current = sas;
      if (!current) throw new BridgeError("reject", "There is nothing to confirm yet.");
      for (const message of await current.confirm()) await requests.send(message);
      await syncs.until(() => failIfOver(request) || current.isDone() || request.isDone());
      await requests.flush();
    }),
    cancel: step(async () => {
      const message = sas ? sas.cancelWithCode("m.mismatched_sas") : request.cancel();
      if (message) await requests.send(message);
    }),
  };
}

/** A step of the dialogue: its errors are BridgeErrors. */
const step =
  <T>(work: () => Promise<T>) =>
  (): Promise<T> =>
    work().catch((error: unknown) => {
      throw storeTrouble(error);
    });

function failIfOver(request: Wasm.VerificationRequest): false {
  if (request.isCancelled()) {
    throw new BridgeError("reject", "The verification was cancelled on one side or took too long.");
  }
  return false;
}

/** @param signal ends all waiting */
export function createSyncs(signal: AbortSignal): Syncs {
  const waiting = new Set<() => void>();
  return {
    tell: () => {
      for (const look of waiting) look();
    },
    until: <T>(look: () => T | undefined | false): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        const end = (settle: () => void) => {
          waiting.delete(attempt);
          clearTimeout(timer);
          signal.removeEventListener("abort", giveUp);
          settle();
        };
        const giveUp = () => end(() => reject(new BridgeError("reject", "The verification took too long.")));
        const attempt = () => {
          try {
            const found = look();
            if (found !== undefined && found !== false) end(() => resolve(found));
          } catch (error) {
            end(() => reject(error));
          }
        };
        const timer = setTimeout(giveUp, patience).unref();
        signal.addEventListener("abort", giveUp, { once: true });
        waiting.add(attempt);
        attempt();
      }),
  };
}
