// The suite that every bridge passes, for account mode on a real Synapse.
import { afterAll, beforeAll, describe, test } from "vitest";
import { conformance, connectAccount, type Harness } from "../../../src/bridge/test-kit.ts";
import { MatrixPerson } from "../../kit/matrix-person.ts";
import { startSynapse, type Synapse } from "../../lab/synapse.ts";
import { type HomeserverProxy, startHomeserverProxy } from "./homeserver-proxy.ts";
import { keysOf, options, signIn, testBridge } from "./matrix-lab.ts";

type Trouble = Parameters<Harness["trouble"]>[0];

let synapse: Synapse;
let bob: MatrixPerson;
let proxy: HomeserverProxy;
let users = 0;

beforeAll(async () => {
  synapse = await startSynapse({ users: { bob: "secret" } });
  proxy = await startHomeserverProxy(synapse.baseUrl);
  bob = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "bob", password: "secret", crypto: true });
}, 60_000);
afterAll(async () => {
  bob.stop();
  await proxy.stop();
  await synapse.stop();
});

async function newHarness(encrypted: boolean): Promise<Harness> {
  users += 1;
  const user = `alice${users}`;
  await synapse.addUser(user, "secret");
  const signedIn = { ...(await signIn(synapse, user)), baseUrl: proxy.baseUrl };
  const room = await bob.createDm(signedIn.userId, { encrypted });
  // The chat is there before the account is: what counts is what comes then.
  await accept(signedIn, room, bob.userId);
  let trouble: Trouble;
  proxy.script = (method, path) => {
    if (method !== "PUT" || !path.includes("/send/") || trouble === undefined) return undefined;
    return trouble === "retry"
      ? { status: 502, body: "<html>bad gateway</html>" }
      : { status: 403, body: JSON.stringify({ errcode: "M_FORBIDDEN", error: "not you" }) };
  };
  const subject = { bridge: testBridge, options, self: signedIn.userId };
  return {
    ...subject,
    connect(host) {
      const accessToken = trouble === "login-required" ? "revoked" : signedIn.accessToken;
      return connectAccount(subject, { ...signedIn, accessToken }, host);
    },
    peer: bob.userId,
    received: async () =>
      bob.all
        .filter(
          (event) => event.room_id === room && event.sender === signedIn.userId && event.type === "m.room.message",
        )
        .map((event) => String(event.content["body"])),
    async write(text) {
      // A session that was closed at once has none.
      if (encrypted) await keysOf(synapse, signedIn, 3_000).catch(() => undefined);
      await bob.say(room, text);
    },
    async show(name, picture) {
      await bob.setName(name);
      await bob.setAvatar(picture, "image/png");
    },
    trouble: async (kind) => {
      trouble = kind;
    },
    close: async () => void (proxy.script = undefined),
  };
}

async function accept(alice: { accessToken: string; userId: string }, room: string, partner: string): Promise<void> {
  const headers = { authorization: `Bearer ${alice.accessToken}` };
  const base = `${synapse.baseUrl}/_matrix/client/v3`;
  const signal = AbortSignal.timeout(10_000);
  await fetch(`${base}/rooms/${room}/join`, { method: "POST", headers, body: "{}", signal });
  const direct = `${base}/user/${alice.userId}/account_data/m.direct`;
  await fetch(direct, { method: "PUT", headers, body: JSON.stringify({ [partner]: [room] }), signal });
}

/** A host of the suite begins without records after a restart, and then without keys: encryption.test.ts has restarts. */
const restarts = /^(catches up|offers again|acknowledges nothing)/;

describe.each([
  ["account mode", false, conformance],
  ["account mode, encrypted", true, conformance.filter(({ name }) => !restarts.test(name))],
] as const)("%s", (_name, encrypted, checks) => {
  for (const check of checks) {
    test(check.name, async () => {
      const harness = await newHarness(encrypted);
      try {
        await check.run(harness);
      } finally {
        await harness.close();
      }
    }, 30_000);
  }
});
