import { plainFetch } from "../../src/bridge/harness.ts";
import { describe, expect, test } from "vitest";
import {
  type Account,
  type AnyBridge,
  BridgeError,
  type Host,
  type Json,
  type LiveSession,
  type Service,
} from "#bridge";
import type { AccountRecord } from "../../src/gateway/ports.ts";
import { Sessions } from "../../src/gateway/sessions.ts";
import { createTestClock, settle } from "../kit/clock.ts";
import { openTestStore } from "../store/open-store.ts";
import { createLog, eventually, within } from "./setup.ts";

type Connect = (account: Account<unknown, Json>, host: Host) => Promise<LiveSession>;
const idle: LiveSession = { send: async () => ({ id: "x" }), close: async () => {} };

async function setUp(
  connect: Connect,
  options: { service?: Service; startsPerSecond?: number; accounts?: number } = {},
) {
  const clock = createTestClock();
  const store = await openTestStore({ clock });
  const mode = options.service ? "domain" : "account";
  const accounts: AccountRecord[] = [];
  for (let n = 1; n <= (options.accounts ?? 1); n++) {
    const account = { user: `u${n}@localhost`, bridge: "toy", mode, self: `self${n}` } as const;
    accounts.push(await store.accounts.save(account, mode === "account" ? { password: `pw${n}` } : undefined));
  }
  const states: string[] = [];
  const delivered: unknown[] = [];
  const bridge: AnyBridge = {
    apiVersion: 1,
    name: "toy",
    identity: { type: "toy", title: "Toy", addressPrompt: "" },
    verbs: [],
    options: { "~standard": { version: 1, vendor: "test", validate: (value) => value } },
    contacts: { toLocal: (id) => id, fromLocal: (local) => local },
    connect,
  };
  const sessions = new Sessions({
    store: store.accounts,
    clock,
    log: createLog(),
    startsPerSecond: options.startsPerSecond ?? 10,
    bridge: (name) =>
      name === "toy" ? { bridge, options: { some: "option" }, accountMode: true, service: options.service } : undefined,
    deliver: async (account, events, cursor) => void delivered.push([account.id, events, cursor]),
    records: (account) => store.records.of(account),
    fetch: plainFetch,
    hint: () => {},
    notice: async () => {},
    onState: (account, state, detail) => void states.push([account.id, state, detail].filter(Boolean).join(" ")),
  });
  const [first] = accounts;
  if (first === undefined) throw new Error("no account");
  return { clock, store, accounts, first, states, delivered, sessions };
}

describe("starting", () => {
  test("a session gets its account, credentials, options and cursor", async () => {
    let seen: unknown;
    const setup = await setUp(async (account, host) => {
      seen = { ...account, cursor: host.cursor };
      host.status("online");
      return idle;
    });
    await setup.store.lanes.deliver(1, [], { cursor: { uid: 7 } });
    setup.sessions.start(setup.first);
    await eventually("it is online", () => setup.sessions.sessionOf(1));
    expect(seen).toEqual({
      id: 1,
      user: "u1@localhost",
      self: "self1",
      options: { some: "option" },
      credentials: { password: "pw1" },
      cursor: { uid: 7 },
    });
    expect(setup.states).toContain("1 online");
  });

  test("many are paced with jitter, so that a restart is no storm", async () => {
    const starts: number[] = [];
    const setup = await setUp(
      async (_, host) => {
        starts.push(setup.clock.now());
        host.status("online");
        return idle;
      },
      { accounts: 100, startsPerSecond: 10 },
    );
    const began = setup.clock.now();
    setup.sessions.startAll(setup.accounts);
    const took = await within(setup.clock, 30_000, "all are started", () => starts.length === 100);
    expect(took).toBeGreaterThan(7_000);
    expect(took).toBeLessThan(13_000);
    const gaps = new Set(starts.map((at, index) => at - (starts[index - 1] ?? began)));
    expect(gaps.size).toBeGreaterThan(10);
    for (let second = began; second < began + took; second += 1_000) {
      expect(starts.filter((at) => at >= second && at < second + 1_000).length).toBeLessThanOrEqual(20);
    }
  });

  test("accounts of domain mode start at once: they have no connection of their own", async () => {
    const service: Service = { addressOf: () => undefined, connect: async () => idle, close: async () => {} };
    const { sessions, accounts, states } = await setUp(async () => idle, { service, accounts: 50 });
    sessions.startAll(accounts);
    await eventually("all are online", () => states.filter((state) => state.endsWith("online")).length === 50);
  });

  test("twice is once", async () => {
    let connects = 0;
    const { sessions, first } = await setUp(async () => {
      connects++;
      return idle;
    });
    sessions.start(first);
    sessions.start(first);
    await settle();
    expect(connects).toBe(1);
  });
});

describe("trouble", () => {
  test("a session that does not start is tried again, longer each time, and its sentence is shown", async () => {
    const tries: number[] = [];
    const { sessions, first, clock, states } = await setUp(async () => {
      tries.push(clock.now());
      if (tries.length < 4) throw new BridgeError("retry", "The server is away.");
      return idle;
    });
    sessions.start(first);
    await within(clock, 60_000, "the fourth try", () => tries.length === 4);
    const gaps = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    for (const [index, plain] of [1_000, 2_000, 4_000].entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(plain * 0.8);
      expect(gaps[index]).toBeLessThanOrEqual(plain * 1.2 + 100);
    }
    expect(states.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => "1 retrying The server is away."));
    await eventually("it can send", () => sessions.sessionOf(1));
  });

  test("wrong credentials are not tried again by itself", async () => {
    let tries = 0;
    const { sessions, first, clock, states } = await setUp(async () => {
      tries++;
      throw new BridgeError("login-required", "The password is wrong.");
    });
    sessions.start(first);
    await clock.advance(86_400_000);
    expect(tries).toBe(1);
    expect(states).toEqual(["1 login-required The password is wrong."]);
    expect(sessions.sessionOf(1)).toBeUndefined();
    expect(sessions.stateOf(1)).toMatchObject({ state: "login-required", detail: "The password is wrong." });
  });

  test("while a sign-in is needed nothing is sent, and a bridge that recovers is used again", async () => {
    let host: Host | undefined;
    const { sessions, first } = await setUp(async (_, given) => {
      host = given;
      given.status("online");
      return idle;
    });
    sessions.start(first);
    await eventually("it is online", () => sessions.sessionOf(1));
    sessions.loginRequired(1, "The password was changed.");
    expect(sessions.sessionOf(1)).toBeUndefined();
    host?.status("online");
    expect(sessions.sessionOf(1)).toBe(idle);
    host?.status("retrying", "The server is away.");
    expect(sessions.sessionOf(1)).toBe(idle);
  });

  test("an account whose credentials do not open needs a sign-in or the key, and takes nobody along", async () => {
    const { sessions, accounts, states, store } = await setUp(
      async (_, host) => {
        host.status("online");
        return idle;
      },
      { accounts: 2 },
    );
    const real = store.accounts.credentials;
    store.accounts.credentials = (id) => (id === 1 ? Promise.reject(new Error("does not open")) : real(id));
    for (const account of accounts) sessions.start(account);
    await eventually("the second is online", () => states.includes("2 online"));
    expect(states).toContain("1 retrying does not open");
  });
});

describe("ending", () => {
  test("aborts the signal, closes the session and hears no more of it", async () => {
    const log: string[] = [];
    let host: Host | undefined;
    const { sessions, first, states } = await setUp(async (_, given) => {
      host = given;
      given.signal.addEventListener("abort", () => log.push("aborted"));
      given.status("online");
      return { ...idle, close: async () => void log.push("closed") };
    });
    sessions.start(first);
    await eventually("it is online", () => sessions.sessionOf(1));
    await sessions.end(1);
    expect(log).toEqual(["aborted", "closed"]);
    const count = states.length;
    host?.status("retrying", "late news");
    expect(states).toHaveLength(count);
    expect(sessions.sessionOf(1)).toBeUndefined();
  });

  test("a session that comes up too late closes it at once", async () => {
    let up: (session: LiveSession) => void = () => {};
    let closed = 0;
    const { sessions, first } = await setUp(
      () =>
        new Promise((resolve) => {
          up = resolve;
        }),
    );
    sessions.start(first);
    await settle();
    await sessions.end(1);
    up({ ...idle, close: async () => void closed++ });
    await settle();
    expect(closed).toBe(1);
    expect(sessions.sessionOf(1)).toBeUndefined();
  });

  test("one that waits for its turn or its retry lets no timer run on", async () => {
    const { sessions, accounts, clock } = await setUp(
      async () => {
        throw new BridgeError("retry", "Away.");
      },
      { accounts: 3 },
    );
    sessions.startAll(accounts);
    await settle();
    expect(clock.waiting).toBe(2);
    await sessions.stop();
    expect(clock.waiting).toBe(0);
  });

  test("a session that does not close cleanly does not keep the others from closing", async () => {
    let closed = 0;
    const { sessions, accounts } = await setUp(
      async ({ id }) => ({
        ...idle,
        close: async () => {
          if (id === 1) throw new Error("broken pipe");
          closed++;
        },
      }),
      { accounts: 2 },
    );
    for (const account of accounts) sessions.start(account);
    await settle();
    await sessions.stop();
    expect(closed).toBe(1);
  });
});
