import { plainFetch } from "../../src/bridge/harness.ts";
import { describe, expect, test } from "vitest";
import type { AnyBridge, Host, Incoming, LiveSession } from "#bridge";
import { noFaults } from "../../src/gateway/faults.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import type { GatewayLimits } from "../../src/gateway/limits.ts";
import { createPermissions } from "../../src/gateway/permissions.ts";
import { type Store, StoreError } from "../../src/gateway/ports.ts";
import { createTestClock, settle } from "../kit/clock.ts";
import { incoming } from "../kit/rows.ts";
import { openTestStore } from "../store/open-store.ts";
import { createLog, eventually, RecordingOutput } from "./setup.ts";

const limits: GatewayLimits = {
  messagesPerMinute: 1_000,
  burst: 1_000,
  newContactsPerHour: 1_000,
  contactsPerAccount: 1_000,
  accountsPerUser: 5,
  loginAttempts: 5,
  dialogsPerUser: 5,
  textLength: 1_000,
  loadedRows: 100,
  queueExpiry: 5 * 86_400_000,
  sendsPerAccount: 4,
  startsPerSecond: 10,
};
const idle: LiveSession = { send: async () => ({ id: "x" }), close: async () => {} };
const mail = (id: string): Incoming => ({
  type: "message",
  id,
  peer: { kind: "contact", id: "bob" },
  from: "bob",
  sentAt: 0,
  text: id,
});
const origin = { id: "m1", from: "alice@localhost/phone" };

function bridgeOf(more: Partial<AnyBridge> = {}): AnyBridge {
  return {
    apiVersion: 1,
    name: "toy",
    identity: { type: "toy", title: "Toy", addressPrompt: "" },
    verbs: [],
    options: { "~standard": { version: 1, vendor: "test", validate: (value) => value } },
    contacts: { toLocal: (id) => id, fromLocal: (local) => local },
    async *login() {
      yield { title: "Sign in", instructions: "", fields: [] };
      return { self: "al", credentials: {} };
    },
    connect: async (_, host) => {
      host.status("online");
      return idle;
    },
    ...more,
  };
}

async function setUp(bridge: AnyBridge, store?: Store) {
  const clock = createTestClock();
  const log = createLog();
  const output = new RecordingOutput();
  const used = store ?? (await openTestStore({ clock }));
  const gateway = new Gateway({
    store: used,
    clock,
    log,
    limits,
    faults: noFaults,
    fetch: plainFetch,
    mount: () => undefined,
    publicUrl: undefined,
    permissions: createPermissions({ allow: ["localhost"], admins: [], bridges: {} }),
  });
  gateway.bridges.attach(bridge, {}, output);
  return { clock, log, output, gateway, store: used };
}

describe("the start", () => {
  test("shows what waited first, then what a service took meanwhile, each once", async () => {
    const store = await openTestStore();
    const account = { user: "alice@localhost", bridge: "toy", mode: "domain", self: "alice" } as const;
    const { id } = await store.accounts.save(account, undefined);
    await store.lanes.append(["old 1", "old 2"].map((text) => incoming(text)));
    const bridge = bridgeOf({
      async serve(host) {
        // A mail comes in before the gateway has looked at what waits.
        await host.deliver(id, [mail("while starting")]);
        return { addressOf: () => undefined, connect: async () => idle, close: async () => {} };
      },
    });
    const { gateway, output } = await setUp(bridge, store);
    await gateway.start();
    await eventually("all are shown", () => output.items.length >= 3);
    await settle(50);
    expect(output.texts).toEqual(["old 1", "old 2", "while starting"]);
  });

  test("sends what waited as soon as its session is there", async () => {
    const sent: string[] = [];
    let host: Host | undefined;
    const bridge = bridgeOf({
      async connect(_, given) {
        host = given;
        return {
          ...idle,
          async send({ text }) {
            sent.push(text);
            return { id: text };
          },
        };
      },
    });
    const first = await setUp(bridgeOf());
    await first.gateway.start();
    await first.gateway.accounts.signIn("toy", "alice@localhost", { self: "al", credentials: {} });
    await first.gateway.submit("toy", "alice@localhost", "bob", { kind: "message", origin, text: "waited" });
    await first.gateway.stop();
    const second = await setUp(bridge, first.store);
    await second.gateway.start();
    await eventually("the session is there", () => host);
    host?.status("online");
    await eventually("it is sent", () => sent.length === 1);
    expect(sent).toEqual(["waited"]);
  });
});

describe("a full disk", () => {
  test("keeps the notice of a wrong password back and not the gateway down", async () => {
    let host: Host | undefined;
    let full = false;
    const clock = createTestClock();
    const real = await openTestStore({ clock, writable: () => !full });
    const bridge = bridgeOf({
      async connect(_, given) {
        host = given;
        given.status("online");
        return idle;
      },
    });
    const { gateway, log } = await setUp(bridge, real);
    await gateway.start();
    const account = await gateway.accounts.signIn("toy", "alice@localhost", { self: "al", credentials: {} });
    gateway.sessions.start(account);
    await eventually("it is online", () => gateway.sessions.stateOf(account.id)?.state === "online");
    full = true;
    host?.status("login-required", "The password is wrong.");
    await eventually("it is logged", () =>
      log.lines.some((line) => line.message === "the user could not be told to sign in"),
    );
    await expect(host?.deliver([mail("1")], 7)).rejects.toBeInstanceOf(StoreError);
    expect(await real.accounts.cursor(account.id)).toBeUndefined();
    full = false;
    await host?.deliver([mail("1")], 7);
    expect(await real.accounts.cursor(account.id)).toBe(7);
  });
});

describe("permission", () => {
  test("is asked for every message, not only at the sign-in", async () => {
    const { gateway } = await setUp(bridgeOf());
    await gateway.start();
    const body = { kind: "message", origin, text: "hi" } as const;
    const refusal = (user: string) => expect(gateway.submit("toy", user, "bob", body)).rejects;
    await refusal("mallory@evil.test").toThrow("This gateway is not open to you.");
    await refusal("alice@localhost").toThrow('Sign in first: send "login" to the gateway.');
  });
});

describe("read markers", () => {
  test("newest wins: of ten that wait one is sent", async () => {
    const read: string[] = [];
    let host: Host | undefined;
    const { gateway, output } = await setUp(
      bridgeOf({
        verbs: ["markRead"],
        async connect(_, given) {
          host = given;
          return { ...idle, markRead: async (target) => void read.push(target.id) };
        },
      }),
    );
    await gateway.start();
    const account = await gateway.accounts.signIn("toy", "alice@localhost", { self: "al", credentials: {} });
    await gateway.lanes.start();
    gateway.sessions.start(account);
    await eventually("there is a session", () => host);
    await host?.deliver(Array.from({ length: 10 }, (_, n) => mail(`mail ${n}`)));
    await eventually("all are shown", () => output.items.length === 10);
    host?.status("login-required");
    for (const { row } of output.items.filter((item) => item.row.body.kind === "message"))
      await gateway.submit("toy", "alice@localhost", "bob", { kind: "read", origin, target: row.key });
    host?.status("online");
    await eventually("one is sent", () => read.length === 1);
    await settle(50);
    expect(read).toEqual(["mail 9"]);
  });
});
