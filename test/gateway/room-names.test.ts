import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contacts, rooms } from "../../bridges/toy/addressing.ts";
import type { Store } from "../../src/gateway/ports.ts";
import { contactLocal, keepContact, type Naming, roomLocal } from "../../src/gateway/room-names.ts";
import { Addresses } from "../../src/xmpp/addresses.ts";
import { openTestStore, seedAccounts } from "../store/open-store.ts";

const addresses = new Addresses("toy.localhost", contacts, rooms);
const naming: Naming = { contacts, rooms, fits: (local) => addresses.fits(local) };

async function setUp(): Promise<Store> {
  const store = await openTestStore();
  await seedAccounts(store, 2);
  return store;
}
const give = (store: Store, id: string, hints: { address?: string; name?: string } = {}, account = 1) =>
  store.rooms.change(account, (tables) => roomLocal(tables, account, id, naming, hints));

describe("the local part of a room", () => {
  test("is its address where it has one, and stays that", async () => {
    const store = await setUp();
    expect(await give(store, "r1", { address: "#lobby", name: "The Lobby" })).toBe("#lobby");
    expect(await give(store, "r1", { address: "#other" })).toBe("#lobby");
  });

  test("is made of its name where it has no address, and the same for everybody", async () => {
    const store = await setUp();
    const local = await give(store, "r1", { name: "Bücher & Tee!" });
    expect(local).toMatch(/^~bucher-tee-[0-9a-v]{8}$/);
    expect(await give(store, "r1", { name: "Bücher & Tee!" }, 2)).toBe(local);
  });

  test("M09: is never another room's, whatever it is called and whichever address it claims", async () => {
    const store = await setUp();
    await give(store, "r1", { address: "#lobby" });
    const stolen = await give(store, "r2", { address: "#lobby", name: "lobby" });
    expect(stolen).toMatch(/^~lobby-[0-9a-v]{8}$/);
    expect(await give(store, "r3", { name: "lobby" })).not.toBe(stolen);
  });

  test("M09: is never a contact's", async () => {
    const store = await setUp();
    const greedy: Naming = { ...naming, rooms: { toLocal: (id) => id, fromLocal: (local) => local } };
    const local = await store.rooms.change(1, (tables) => roomLocal(tables, 1, "bob", greedy, { address: "bob" }));
    expect(local).toBeUndefined();
  });

  test("M09: any rooms with any names and addresses have as many local parts, and each leads back", async () => {
    const text = fc.string({ unit: fc.constantFrom(..."abAB#-~é:\\ 2f\u202e"), maxLength: 6 });
    const one = fc.record({ id: text, address: fc.oneof(text, fc.constantFrom("#a", "#b")), name: text });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(one, { selector: ({ id }) => id, maxLength: 12 }), async (all) => {
        const store = await setUp();
        const locals: string[] = [];
        for (const { id, address, name } of all) locals.push((await give(store, id, { address, name })) ?? "");
        expect(new Set(locals).size).toBe(all.length);
        for (const [n, local] of locals.entries()) {
          expect(addresses.fits(local)).toBe(true);
          expect(await store.rooms.read((reads) => reads.named(1, local))).toEqual({ kind: "room", id: all[n]?.id });
        }
        await store.close();
      }),
      { numRuns: 40 },
    );
  });
});

describe("the local part of a contact", () => {
  test("is the bridge's where it has one", () => {
    expect(contactLocal("bob", naming)).toBe("bob");
  });

  test("follows from the id where it has none, and leads back once it is kept", async () => {
    const store = await setUp();
    const local = contactLocal("BOB!", naming) ?? "";
    expect(local).toMatch(/^~bob-[0-9a-v]{20}$/);
    expect(addresses.jidOf("BOB!")).toBe(`${local}@toy.localhost`);
    await store.rooms.change(1, (tables) => keepContact(tables, 1, "BOB!", naming));
    expect(await store.rooms.read((reads) => reads.named(1, local))).toEqual({ kind: "contact", id: "BOB!" });
    expect(await store.rooms.read((reads) => reads.named(2, local))).toBeUndefined();
  });

  test("is not there where the bridge takes every text for somebody", () => {
    const all = { toLocal: () => undefined, fromLocal: (local: string) => local };
    expect(contactLocal("x", { contacts: all, rooms: undefined, fits: () => true })).toBeUndefined();
  });
});
