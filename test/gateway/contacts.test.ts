import { describe, expect, test } from "vitest";
import { Contacts } from "../../src/gateway/contacts.ts";
import { createTestClock } from "../kit/clock.ts";
import { openTestStore } from "../store/open-store.ts";
import { createLog, RecordingOutput } from "./setup.ts";

const alice = "alice@localhost";
const hour = 3_600_000;

async function setUp(limits: { mostPerAccount?: number; newPerHour?: number } = {}) {
  const clock = createTestClock();
  const store = await openTestStore({ clock });
  const output = new RecordingOutput();
  const make = () =>
    new Contacts({
      store: store.contacts,
      output,
      clock,
      log: createLog(),
      mostPerAccount: 1_000,
      newPerHour: 20,
      ...limits,
    });
  return { clock, store, output, contacts: make(), again: make };
}

describe("a stranger who writes", () => {
  test("is introduced once, also over a restart", async () => {
    const { contacts, output, again } = await setUp();
    await contacts.meet(1, alice, "bob", "Bob", false);
    await contacts.meet(1, alice, "bob", "Bob", false);
    await again().meet(1, alice, "bob", "Bob", false);
    expect(output.calls).toEqual(["introduce bob (Bob) to alice@localhost"]);
  });

  test("is introduced to each account that meets them", async () => {
    const { contacts, output } = await setUp();
    await contacts.meet(1, alice, "bob", undefined, false);
    await contacts.meet(2, "carol@localhost", "bob", undefined, false);
    expect(output.calls).toHaveLength(2);
  });

  test("that is a machine is not introduced, until a human writes from there", async () => {
    const { contacts, output, store } = await setUp();
    await contacts.meet(1, alice, "noreply", undefined, true);
    expect(output.calls).toEqual([]);
    expect(await store.contacts.count(1)).toBe(0);
    await contacts.meet(1, alice, "noreply", undefined, false);
    expect(output.calls).toEqual(["introduce noreply () to alice@localhost"]);
  });

  test("among more than twenty in an hour is not introduced, but is when there is room again", async () => {
    const { contacts, output, clock } = await setUp();
    for (let n = 0; n < 30; n++) await contacts.meet(1, alice, `spam${n}`, undefined, false);
    expect(output.calls).toHaveLength(20);
    await clock.advance(hour);
    await contacts.meet(1, alice, "spam29", undefined, false);
    expect(output.calls.at(-1)).toBe("introduce spam29 () to alice@localhost");
  });
});

describe("somebody the user writes to", () => {
  test("becomes a contact and is not introduced when they answer", async () => {
    const { contacts, output } = await setUp();
    await contacts.address(1, alice, "bob");
    await contacts.meet(1, alice, "bob", "Bob", false);
    expect(output.calls).toEqual([]);
    expect(await contacts.get(1, "bob")).toEqual({
      account: 1,
      id: "bob",
      name: undefined,
      subscribed: false,
      introduced: true,
    });
  });

  test("E09: for the first time counts against the hour, known ones do not", async () => {
    const { contacts, clock } = await setUp({ newPerHour: 2 });
    await contacts.address(1, alice, "a");
    await contacts.address(1, alice, "b");
    await expect(contacts.address(1, alice, "c")).rejects.toMatchObject({
      name: "GatewayError",
      condition: "policy-violation",
      wait: true,
      message: "Too many new contacts at once; try again in 30 min.",
    });
    await contacts.address(1, alice, "a");
    expect(await contacts.get(1, "c")).toBeUndefined();
    await clock.advance(hour / 2);
    await contacts.address(1, alice, "c");
  });

  test("X13: beyond the number an account may have is refused", async () => {
    const { contacts } = await setUp({ mostPerAccount: 2, newPerHour: 1_000 });
    await contacts.add(1, alice, "a", { name: undefined });
    await contacts.subscribe(1, alice, "b");
    for (const attempt of [
      () => contacts.address(1, alice, "c"),
      () => contacts.add(1, alice, "c", { name: undefined }),
      () => contacts.subscribe(1, alice, "c"),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        condition: "resource-constraint",
        message: "You have 2 contacts here; remove some first.",
      });
    }
    // A contact that is there already can still be subscribed to and named.
    await contacts.add(1, alice, "b", { name: "Bea" });
    expect((await contacts.get(1, "b"))?.name).toBe("Bea");
  });
});

describe("a contact", () => {
  test("that the user adds goes to the roster with its name", async () => {
    const { contacts, output } = await setUp();
    await contacts.add(1, alice, "bob", { name: "Bob" });
    expect(output.calls).toEqual(["roster bob (Bob) of alice@localhost"]);
  });

  test("keeps its name and subscription when it is added again without one", async () => {
    const { contacts } = await setUp();
    await contacts.add(1, alice, "bob", { name: "Bob" });
    await contacts.subscribe(1, alice, "bob");
    await contacts.add(1, alice, "bob", { name: undefined });
    expect(await contacts.get(1, "bob")).toMatchObject({ name: "Bob", subscribed: true });
    await contacts.unsubscribe(1, "bob");
    expect(await contacts.get(1, "bob")).toMatchObject({ name: "Bob", subscribed: false });
  });

  test("is listed once among many", async () => {
    const { contacts, store } = await setUp();
    const ids = Array.from({ length: 250 }, (_, n) => `c${String(n).padStart(3, "0")}`);
    const rest = { account: 1, name: undefined, subscribed: false, introduced: true };
    await Promise.all(ids.map((id) => store.contacts.change(1, id, () => ({ ...rest, id }))));
    const seen: string[] = [];
    for await (const contact of contacts.all(1)) seen.push(contact.id);
    expect(seen).toEqual(ids);
  });
});
