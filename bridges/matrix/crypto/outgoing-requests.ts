// What the encryption library wants sent: it keeps the list over restarts and strikes a request when told the answer.
import { backoff, BridgeError, type Logger } from "#bridge";
import type { CryptoWasm, Wasm } from "./wasm.ts";

export type Method = "GET" | "PUT" | "POST";

/**
 * One request to the account's homeserver, authenticated. `path` are the segments below /_matrix/client, not yet
 * encoded. Resolves with the JSON of the answer. Rejects with BridgeError: `reject` with `item-not-found` for
 * M_NOT_FOUND, `retry` when it may succeed later, `login-required`.
 */
export type ServerRequest = (
  method: Method,
  path: readonly string[],
  request?: { readonly query?: Readonly<Record<string, string>>; readonly body?: unknown },
) => Promise<unknown>;

/** All that the library hands out to be sent. */
export type Outgoing =
  | Wasm.KeysUploadRequest
  | Wasm.KeysQueryRequest
  | Wasm.KeysClaimRequest
  | Wasm.ToDeviceRequest
  | Wasm.SignatureUploadRequest
  | Wasm.RoomMessageRequest
  | Wasm.KeysBackupRequest;

interface PumpDeps {
  readonly wasm: CryptoWasm;
  readonly machine: Wasm.OlmMachine;
  readonly request: ServerRequest;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** An answer may make new requests (a claimed key: a session to be announced); a loop of them ends here. */
const mostRounds = 10;
/** The pause after a failure. */
const pauses = { first: 2_000, most: 300_000 };
/** How long a request rests that the server refused (ms): it will most likely refuse it again. */
const restAfterRefusal = 600_000;

export class OutgoingRequests {
  readonly #deps: PumpDeps;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Until when requests of a name rest: milliseconds since the epoch. */
  readonly #resting = new Map<string, number>();

  #uploads = 0;

  constructor(deps: PumpDeps) {
    this.#deps = deps;
    deps.signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  /** Counts the beginnings and the ends of uploads of one-time keys: odd while one is on its way. */
  get uploads(): number {
    return this.#uploads;
  }

  /** Sends what waits, in the background; after a failure when its time has come. */
  kick(): void {
    if (this.#timer) return;
    this.flush().catch(() => undefined); // it is logged, and the timer runs
  }

  /**
   * Sends what waits now. Whoever asks gets a round that begins after the call: one that runs may have read the list
   * already. Rejects with the first failure; what the server refused for good is logged and rests.
   */
  flush(): Promise<void> {
    if (!this.#running) {
      this.#running = this.#send().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    const begin = (): Promise<void> => {
      this.#next = undefined;
      return this.flush();
    };
    this.#next ??= this.#running.then(begin, begin);
    return this.#next;
  }

  /** Resolves when nothing is on its way; after the signal that is soon. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  /** One request and its answer back to the library. */
  async send(outgoing: Outgoing): Promise<void> {
    const { machine } = this.#deps;
    const answer = await this.#deps.request(...this.#httpOf(outgoing));
    // A request without an id awaits no answer.
    if (outgoing.id) await machine.markRequestAsSent(outgoing.id, outgoing.type, JSON.stringify(answer));
  }

  async #send(): Promise<void> {
    const { signal } = this.#deps;
    try {
      for (let round = 0; round < mostRounds && !signal.aborted; round++) if (!(await this.#round())) break;
      this.#failures = 0;
    } catch (error) {
      this.#deps.log.debug({ error: messageOf(error), failures: this.#failures }, "encryption requests wait");
      this.#schedule(error instanceof BridgeError ? error.retryAfter : undefined);
      throw error;
    }
  }

  /** @returns whether anything was sent, so that there may be more */
  async #round(): Promise<boolean> {
    const { wasm, machine, log, signal } = this.#deps;
    let sent = false;
    let failure: unknown;
    for (const [name, until] of this.#resting) if (until <= Date.now()) this.#resting.delete(name);
    for (const outgoing of await machine.outgoingRequests()) {
      if (signal.aborted) return false;
      const name = this.#nameOf(outgoing);
      if (this.#resting.has(name)) continue;
      const isUpload = outgoing.type === wasm.RequestType.KeysUpload;
      if (isUpload) this.#uploads++;
      try {
        await this.send(outgoing);
        sent = true;
      } catch (error) {
        if (error instanceof BridgeError && error.kind === "reject") {
          log.warn({ request: name, condition: error.condition }, "the homeserver refused an encryption request");
          this.#resting.set(name, Date.now() + restAfterRefusal);
        } else failure ??= error;
      } finally {
        if (isUpload) this.#uploads++;
      }
    }
    if (failure !== undefined) throw failure;
    return sent;
  }

  /** Messages are one by one; all others are made anew with another id each time the list is read. */
  #nameOf({ type, id = "" }: Outgoing): string {
    const { RequestType } = this.#deps.wasm;
    const kind = RequestType[type];
    return type === RequestType.ToDevice || type === RequestType.RoomMessage ? `${kind} ${id}` : kind;
  }

  #schedule(retryAfter: number | undefined): void {
    if (this.#deps.signal.aborted) return;
    this.#failures++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.kick();
      },
      Math.max(retryAfter ?? 0, backoff(this.#failures, pauses)),
    ).unref();
  }

  /** Client-Server API, "End-to-End Encryption", "Send-to-Device messaging", "Server-side key backups". */
  #httpOf(outgoing: Outgoing): Parameters<ServerRequest> {
    const { RequestType } = this.#deps.wasm;
    const body: unknown = JSON.parse(outgoing.body);
    switch (outgoing.type) {
      case RequestType.KeysUpload:
        return ["POST", ["v3", "keys", "upload"], { body }];
      case RequestType.KeysQuery:
        return ["POST", ["v3", "keys", "query"], { body }];
      case RequestType.KeysClaim:
        return ["POST", ["v3", "keys", "claim"], { body }];
      case RequestType.SignatureUpload:
        return ["POST", ["v3", "keys", "signatures", "upload"], { body }];
      case RequestType.ToDevice: {
        const { event_type, txn_id } = outgoing as Wasm.ToDeviceRequest;
        return ["PUT", ["v3", "sendToDevice", event_type, txn_id], { body }];
      }
      case RequestType.RoomMessage: {
        const { room_id, event_type, txn_id } = outgoing as Wasm.RoomMessageRequest;
        return ["PUT", ["v3", "rooms", room_id, "send", event_type, txn_id], { body }];
      }
      case RequestType.KeysBackup:
        return [
          "PUT",
          ["v3", "room_keys", "keys"],
          { body, query: { version: (outgoing as Wasm.KeysBackupRequest).version } },
        ];
    }
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
