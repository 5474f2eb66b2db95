// The suite that every bridge passes, for account mode on a real Synapse.
import { afterAll, beforeAll, describe, test } from "vitest";
import { conformance, type Harness } from "../../../src/bridge/test-kit.ts";
import { MatrixPerson } from "../../kit/matrix-person.ts";
import { startSynapse, type Synapse } from "../../lab/synapse.ts";
import { type HomeserverProxy, startHomeserverProxy } from "./homeserver-proxy.ts";
import { options, signIn, testBridge } from "./matrix-lab.ts";

type Trouble = Parameters<Harness["trouble"]>[0];

let synapse: Synapse;
let bob: MatrixPerson;
let proxy: HomeserverProxy;
let users = 0;

beforeAll(async () => {
  synapse = await startSynapse({ users: { bob: "secret" } });
  proxy = await startHomeserverProxy(synapse.baseUrl);
  bob = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "bob", password: "secret" });
}, 60_000);
afterAll(async () => {
  bob.stop();
  await proxy.stop();
  await synapse.stop();
});

async function newHarness(): Promise<Harness> {
  users += 1;
  const user = `alice${users}`;
  await synapse.addUser(user, "secret");
  const signedIn = { ...(await signIn(synapse, user)), baseUrl: proxy.baseUrl };
  const room = await bob.createDm(signedIn.userId);
  // The chat is there before the account is: what counts is what comes then.
  await accept(signedIn, room, bob.userId);
  let trouble: Trouble;
  proxy.script = (method, path) => {
    if (method !== "PUT" || !path.includes("/send/") || trouble === undefined) return undefined;
    return trouble === "retry"
      ? { status: 502, body: "<html>bad gateway</html>" }
      : { status: 403, body: JSON.stringify({ errcode: "M_FORBIDDEN", error: "not you" }) };
  };
  return {
    bridge: testBridge,
    options,
    self: signedIn.userId,
    get credentials() {
      return { ...signedIn, accessToken: trouble === "login-required" ? "revoked" : signedIn.accessToken };
    },
    peer: bob.userId,
    received: async () =>
      bob.all
        .filter(
          (event) => event.room_id === room && event.sender === signedIn.userId && event.type === "m.room.message",
        )
        .map((event) => String(event.content["body"])),
    write: async (text) => void (await bob.say(room, text)),
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

describe("account mode", () => {
  for (const check of conformance) {
    test(check.name, async () => {
      const harness = await newHarness();
      try {
        await check.run(harness);
      } finally {
        await harness.close();
      }
    }, 30_000);
  }
});
