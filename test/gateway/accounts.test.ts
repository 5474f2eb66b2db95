import { describe, expect, test } from "vitest";
import { Accounts } from "../../src/gateway/accounts.ts";
import { openTestStore } from "../store/open-store.ts";

const alice = "alice@localhost";

async function setUp(domain = false) {
  const store = await openTestStore();
  const make = () =>
    new Accounts({
      store: store.accounts,
      contacts: store.contacts,
      mostPerUser: 3,
      isInUse: () => true,
      domainAddress: (_, user) => (domain ? user.slice(0, user.indexOf("@")) : undefined),
    });
  return { store, accounts: make(), again: make };
}

describe("signing in", () => {
  test("makes an account that a restart finds again", async () => {
    const { accounts, again } = await setUp();
    const account = await accounts.signIn("toy", alice, { self: "al", credentials: { password: "pw" } });
    expect(account).toMatchObject({ user: alice, bridge: "toy", mode: "account", self: "al" });
    const later = again();
    expect(await later.load()).toEqual([account]);
    expect(later.of("toy", alice)).toEqual([account]);
    expect(later.get(account.id)).toEqual(account);
  });

  test("with the same id replaces the credentials and makes no second account", async () => {
    const { accounts, store } = await setUp();
    const first = await accounts.signIn("toy", alice, { self: "al", credentials: { password: "old" } });
    const second = await accounts.signIn("toy", alice, { self: "al", credentials: { password: "new" } });
    expect(second).toEqual(first);
    expect(accounts.of("toy", alice)).toHaveLength(1);
    expect(await store.accounts.credentials(first.id)).toEqual({ password: "new" });
  });

  test("to more accounts than a user may have over all bridges is refused, new passwords are not", async () => {
    const { accounts } = await setUp();
    await accounts.signIn("toy", alice, { self: "a", credentials: {} });
    await accounts.signIn("toy", alice, { self: "b", credentials: {} });
    await accounts.signIn("email", alice, { self: "c", credentials: {} });
    for (const bridge of ["toy", "email"]) {
      await expect(accounts.signIn(bridge, alice, { self: "d", credentials: {} })).rejects.toMatchObject({
        condition: "resource-constraint",
        message: "You have 3 accounts here; sign out of one first.",
      });
    }
    await accounts.signIn("toy", alice, { self: "b", credentials: { password: "new" } });
    await accounts.signIn("toy", "bob@localhost", { self: "d", credentials: {} });
  });
});

describe("domain mode", () => {
  test("gives every user one account, however often they ask", async () => {
    const { accounts } = await setUp(true);
    const [first, second] = await Promise.all([accounts.enrol("toy", alice), accounts.enrol("toy", alice)]);
    expect(first).toEqual(second);
    expect(accounts.of("toy", alice)).toHaveLength(1);
    expect(accounts.bySelf("toy", "alice")).toEqual(first);
  });

  test("gives nothing where the operator runs no service", async () => {
    const { accounts } = await setUp();
    expect(await accounts.enrol("toy", alice)).toBeUndefined();
    expect(accounts.of("toy", alice)).toEqual([]);
  });
});

describe("the account of a conversation", () => {
  test("is the one that knows the contact, else the one signed in to last, else the domain's", async () => {
    const { accounts, store } = await setUp(true);
    const domain = await accounts.enrol("toy", alice);
    expect((await accounts.forContact("toy", alice, "bob"))?.id).toBe(domain?.id);
    const one = await accounts.signIn("toy", alice, { self: "one", credentials: {} });
    const two = await accounts.signIn("toy", alice, { self: "two", credentials: {} });
    expect((await accounts.forContact("toy", alice, "bob"))?.id).toBe(two.id);
    const bob = { account: one.id, id: "bob", name: undefined, subscribed: false, introduced: true };
    await store.contacts.change(one.id, "bob", () => bob);
    expect((await accounts.forContact("toy", alice, "bob"))?.id).toBe(one.id);
    expect(await accounts.forContact("toy", "nobody@localhost", "bob")).toBeUndefined();
  });

  test("can be picked by its id, and must be when there are several", async () => {
    const { accounts } = await setUp();
    expect(() => accounts.pick("toy", alice, undefined)).toThrow("You are not signed in here.");
    const one = await accounts.signIn("toy", alice, { self: "one", credentials: {} });
    expect(accounts.pick("toy", alice, undefined)).toEqual(one);
    await accounts.signIn("toy", alice, { self: "two", credentials: {} });
    expect(accounts.pick("toy", alice, "one")).toEqual(one);
    expect(() => accounts.pick("toy", alice, undefined)).toThrow("Which account? One of: one, two.");
    expect(() => accounts.pick("toy", alice, "three")).toThrow("Which account? One of: one, two.");
  });

  test("X30: is never another user's, however alike the names are", async () => {
    const { accounts } = await setUp();
    await accounts.signIn("toy", alice, { self: "one", credentials: {} });
    expect(() => accounts.pick("toy", "alice@localhost.evil", "one")).toThrow("You are not signed in here.");
    expect(accounts.of("toy/alice@localhost", "")).toEqual([]);
  });
});

test("a removed account is gone from every index", async () => {
  const { accounts, again } = await setUp(true);
  const domain = await accounts.enrol("toy", alice);
  const one = await accounts.signIn("toy", alice, { self: "one", credentials: {} });
  if (domain === undefined) throw new Error("domain mode");
  await accounts.remove(domain);
  expect(accounts.of("toy", alice)).toEqual([one]);
  expect(accounts.bySelf("toy", "alice")).toBeUndefined();
  expect(accounts.get(domain.id)).toBeUndefined();
  await accounts.remove(one);
  expect(accounts.of("toy", alice)).toEqual([]);
  expect(accounts.size).toBe(0);
  expect(await again().load()).toEqual([]);
});
