import { describe, expect, test } from "vitest";
import type { SessionState } from "#bridge";
import { Contacts } from "../../src/gateway/contacts.ts";
import { PresenceBook } from "../../src/gateway/presence.ts";
import { createTestClock, settle } from "../kit/clock.ts";
import { openTestStore, seedAccounts } from "../store/open-store.ts";
import { createLog, eventually, RecordingOutput } from "./setup.ts";

async function setUp({ users = 1, contacts: each = 0, subscribed = true } = {}) {
  const clock = createTestClock();
  const store = await openTestStore({ clock });
  const accounts = await seedAccounts(store, users);
  const output = new RecordingOutput();
  const log = createLog();
  const contacts = new Contacts({ store: store.contacts, output, clock, log, mostPerAccount: 1e6, newPerHour: 1e6 });
  for (const { id: account } of accounts) {
    const ids = Array.from({ length: each }, (_, n) => `c${String(n).padStart(4, "0")}`);
    await Promise.all(
      ids.map((id) =>
        store.contacts.change(account, id, () => ({ account, id, name: undefined, subscribed, introduced: true })),
      ),
    );
  }
  const states = new Map<number, { state: SessionState; detail: string | undefined }>();
  const presence = new PresenceBook({
    offersLogin: () => true,
    clock,
    log,
    output: () => output,
    contacts: () => contacts,
    stateOf: (account) => states.get(account),
  });
  const [account] = accounts;
  if (account === undefined) throw new Error("no account");
  return { clock, output, presence, accounts, account, states, log };
}

describe("the gateway's own presence", () => {
  test.each([
    ["online", undefined, "online"],
    ["connecting", undefined, "away Connecting"],
    ["retrying", "The server is away.", "away The server is away."],
    ["login-required", "Wrong password.", 'xa Sign in again: send "login"'],
  ] as const)("tells the user that the account is %s", async (state, detail, words) => {
    const { presence, account, output } = await setUp();
    presence.sessionState(account, state, detail);
    presence.sessionState(account, state, detail);
    expect(output.calls).toEqual([`presence gateway to u1@localhost: ${words}`]);
  });
});

describe("after the link came up", () => {
  test("everybody sees the gateway and the contacts they are subscribed to", async () => {
    const { presence, accounts, output, states } = await setUp({ contacts: 2 });
    states.set(1, { state: "online", detail: undefined });
    presence.announce("toy", accounts);
    await eventually("all is said", () => output.calls.length === 3);
    expect(output.calls).toEqual([
      "presence gateway to u1@localhost: online",
      "presence c0000 to u1@localhost: online",
      "presence c0001 to u1@localhost: online",
    ]);
  });

  test("nobody sees contacts they are not subscribed to", async () => {
    const { presence, accounts, output } = await setUp({ contacts: 5, subscribed: false });
    presence.announce("toy", accounts);
    await settle(20);
    expect(output.calls).toHaveLength(1);
  });

  test("no more than 200 presences go out in a second", async () => {
    const { presence, accounts, output, clock } = await setUp({ users: 10, contacts: 99 });
    presence.announce("toy", accounts);
    for (let tick = 1; tick <= 70; tick++) {
      await clock.advance(100);
      // Twenty at once, then twenty every tenth of a second.
      expect(output.calls.length).toBeLessThanOrEqual(tick * 20 + 20);
    }
    expect(output.calls).toHaveLength(1_000);
    expect(new Set(output.calls).size).toBe(1_000);
  });

  test("a link that breaks ends the round, and the next one begins anew", async () => {
    const { presence, accounts, output, clock } = await setUp({ contacts: 100 });
    presence.announce("toy", accounts);
    await eventually("it has begun", () => output.calls.length > 5);
    presence.forget("toy");
    const before = output.calls.length;
    await clock.advance(5_000);
    expect(output.calls.length).toBeLessThanOrEqual(before + 20);
    output.calls.length = 0;
    presence.announce("toy", accounts);
    for (let step = 0; step < 30; step++) await clock.advance(100);
    expect(output.calls).toHaveLength(101);
  });

  test("a write that fails ends the round and not the process", async () => {
    const { presence, accounts, output, log } = await setUp({ contacts: 3 });
    output.presence = () => {
      throw new Error("the link is down");
    };
    presence.announce("toy", accounts);
    await eventually("it is logged", () => log.lines.length === 1);
    expect(log.lines[0]?.message).toBe("the presence of contacts was not sent");
  });
});

test("an account that goes takes its subscribed contacts along", async () => {
  const { presence, account, output } = await setUp({ contacts: 1 });
  await presence.farewell(account);
  expect(output.calls).toEqual(["presence c0000 to u1@localhost: offline", "unsubscribed c0000 to u1@localhost"]);
});

test("what the network says of a contact reaches a user who is subscribed, and answers later probes", async () => {
  const { presence, account, output } = await setUp({ contacts: 1 });
  await presence.contactHint(account, { type: "presence", from: "c0000", show: "away", status: "At lunch" });
  await presence.contactHint(account, { type: "presence", from: "c0000", show: "offline" });
  expect(output.calls).toEqual([
    "presence c0000 to u1@localhost: away At lunch",
    "presence c0000 to u1@localhost: offline",
  ]);
  const contact = { account: account.id, id: "c0000", name: undefined, subscribed: true, introduced: true };
  expect(presence.of(account, contact)).toEqual({ available: false });
});

test("X10: the presence of people the user is not subscribed to is kept from them", async () => {
  const { presence, account, output } = await setUp({ contacts: 1, subscribed: false });
  await presence.contactHint(account, { type: "presence", from: "c0000", show: "online" });
  await presence.contactHint(account, { type: "presence", from: "stranger", show: "online" });
  expect(output.calls).toEqual([]);
});
