// One Synapse for a test file, and accounts of this bridge on it.
import { expect } from "vitest";
import { createMatrixBridge, type MatrixBridge } from "../../../bridges/matrix/index.ts";
import type { MatrixCredentials } from "../../../bridges/matrix/credentials.ts";
import { type MatrixOptions, matrixOptions } from "../../../bridges/matrix/options.ts";
import type { Incoming, IncomingMessage, OutgoingMessage, Peer } from "../../../src/bridge/index.ts";
import { MemoryHost } from "../../../src/bridge/harness.ts";
import type { Synapse } from "../../lab/synapse.ts";

export const options: MatrixOptions = matrixOptions.parse({});

/** Impatient where the real bridge is patient. */
export const testBridge: MatrixBridge = createMatrixBridge({ times: { first: 50, most: 300, poll: 2000 } });

/** A device of its own, as a login makes it. */
export async function signIn(synapse: Synapse, user: string, refresh = false): Promise<MatrixCredentials> {
  const response = await fetch(`${synapse.baseUrl}/_matrix/client/v3/login`, {
    method: "POST",
    body: JSON.stringify({
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password: "secret",
      refresh_token: refresh,
    }),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = (await response.json()) as Record<string, string>;
  return {
    kind: "password",
    baseUrl: synapse.baseUrl,
    userId: answer["user_id"] ?? "",
    deviceId: answer["device_id"] ?? "",
    accessToken: answer["access_token"] ?? "",
    ...(refresh ? { refreshToken: answer["refresh_token"] ?? "" } : {}),
  };
}

/** Waits until others can send this device keys: what they said before, it cannot read. */
export async function keysOf(
  synapse: Synapse,
  { userId, deviceId, accessToken }: MatrixCredentials,
  timeout = 10_000,
): Promise<void> {
  const ask = async (): Promise<string> => {
    const response = await fetch(`${synapse.baseUrl}/_matrix/client/v3/keys/query`, {
      method: "POST",
      headers: { authorization: `Bearer ${accessToken}` },
      body: JSON.stringify({ device_keys: { [userId]: [deviceId] } }),
      signal: AbortSignal.timeout(10_000),
    });
    return response.text();
  };
  await expect.poll(ask, { timeout }).toContain(`"device_id":"${deviceId}"`);
}

export type LiveSession = Awaited<ReturnType<MatrixBridge["connect"]>>;

/** A session and its host, as the core would have them. */
export interface Live {
  readonly host: MemoryHost;
  readonly session: LiveSession;
  /** Resolves with the first event that matches, now or later. */
  until(matches: (event: Incoming) => boolean, what: string): Promise<Incoming>;
  message(text: string): Promise<IncomingMessage>;
  state(wanted: string): Promise<void>;
  end(): Promise<void>;
}

export async function live(credentials: MatrixCredentials, host = new MemoryHost()): Promise<Live> {
  const account = { id: 1, user: "tester@example.org", self: credentials.userId, options, credentials };
  const session = await testBridge.connect(account, host);
  const until = (matches: (event: Incoming) => boolean, what: string): Promise<Incoming> =>
    waitFor(
      () => host.committed.find(matches),
      what,
      () => JSON.stringify(host.committed.slice(-10)),
    );
  return {
    host,
    session,
    until,
    message: async (text) =>
      (await until((one) => one.type === "message" && one.text === text, text)) as IncomingMessage,
    state: (wanted) =>
      waitFor(
        () => host.states.at(-1) === wanted,
        wanted,
        () => host.states.join(),
      ).then(() => undefined),
    end: async () => {
      host.abort();
      await session.close();
    },
  };
}

export async function waitFor<T>(look: () => T | undefined | false, what: string, show: () => string): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited for ${what}; there is ${show()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

let counter = 0;
export function outgoing(peer: Peer, text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  counter += 1;
  const key = `${Date.now().toString(32)}0${counter.toString(32)}`.padEnd(26, "0").slice(0, 26);
  return { key, peer, text, sentAt: Date.now(), uncertain: false, ...more };
}

export const contact = (id: string): Peer => ({ kind: "contact", id });
export const room = (id: string): Peer => ({ kind: "room", id });
