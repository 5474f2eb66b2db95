import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openTestStore } from "./open-store.ts";

const bob = { account: 1, id: "bob", name: "Bob", subscribed: true, introduced: true };

describe("contacts in the store", () => {
  test("a contact comes back as it was stored, and a change replaces it", async () => {
    const { contacts } = await openTestStore();
    await contacts.change(1, "bob", () => bob);
    expect(await contacts.get(1, "bob")).toEqual(bob);
    await contacts.change(1, "bob", (stored = bob) => ({ ...stored, name: undefined, subscribed: false }));
    expect(await contacts.get(1, "bob")).toEqual({ ...bob, name: undefined, subscribed: false });
    expect(await contacts.count(1)).toBe(1);
  });

  test("accounts do not see each other's contacts", async () => {
    const { contacts } = await openTestStore();
    await contacts.change(1, "bob", () => bob);
    expect(await contacts.get(2, "bob")).toBeUndefined();
    expect(await contacts.page(2, "", 10)).toEqual([]);
    expect(await contacts.knownBy([2, 1], "bob")).toEqual([1]);
  });

  test("pages show every contact once, whatever its id is", async () => {
    const ids = fc.uniqueArray(fc.string({ unit: "binary", minLength: 1 }), { maxLength: 30 });
    const store = await openTestStore();
    let account = 0;
    await fc.assert(
      fc.asyncProperty(ids, fc.integer({ min: 1, max: 7 }), async (all, limit) => {
        account++;
        // A lone surrogate is no text that SQLite could keep.
        const wellFormed = [...new Set(all.map((id) => id.toWellFormed().replaceAll("\0", "0")))];
        await Promise.all(wellFormed.map((id) => store.contacts.change(account, id, () => ({ ...bob, account, id }))));
        const seen: string[] = [];
        for (let after = ""; ; ) {
          const page = await store.contacts.page(account, after, limit);
          seen.push(...page.map((contact) => contact.id));
          const last = page.at(-1);
          if (last === undefined) break;
          after = last.id;
        }
        expect(seen.toSorted()).toEqual(wellFormed.toSorted());
      }),
      { numRuns: 40 },
    );
    await store.close();
  });
});
