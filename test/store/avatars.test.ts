import { expect, test } from "vitest";
import type { Picture } from "#bridge";
import { createTestClock } from "../kit/clock.ts";
import { openTestStore, seedAccounts } from "./open-store.ts";

const day = 86_400_000;
const never = { rows: 0, records: 0 };

async function setUp(pictureBytes = 1_000) {
  const clock = createTestClock();
  const store = await openTestStore({ clock, pictureBytes });
  await seedAccounts(store, 2);
  return { clock, store, avatars: store.avatars };
}

const picture = (fill: number, size = 400): Picture => ({
  type: "image/png",
  bytes: new Uint8Array(size).fill(fill),
  hash: `hash-${fill}`,
  width: 1,
  height: 1,
});

test("a picture is one account's: what another's network calls the same is not it", async () => {
  const { avatars } = await setUp();
  await avatars.save(1, "red", picture(1));
  await avatars.save(2, "red", null);
  expect(await avatars.find(1, "red")).toEqual(new Uint8Array(400).fill(1));
  expect(await avatars.find(2, "red")).toBeNull();
  expect(await avatars.find(1, "blue")).toBeUndefined();
});

test("a contact has the hash of its picture while that is here", async () => {
  const { store, avatars } = await setUp();
  const contact = { account: 1, id: "bob", name: "Bob", subscribed: true, introduced: true };
  expect((await store.contacts.change(1, "bob", () => ({ ...contact, avatar: "red" }))).picture).toBeUndefined();
  await avatars.save(1, "red", picture(1));
  expect(await store.contacts.get(1, "bob")).toEqual({ ...contact, avatar: "red", picture: "hash-1" });
  expect((await store.contacts.change(1, "bob", () => ({ ...contact, avatar: null }))).picture).toBeUndefined();
  expect((await store.contacts.page(1, "", 10)).map(({ avatar }) => avatar)).toEqual([null]);
});

test("the oldest make room when there are too many bytes", async () => {
  const { clock, store, avatars } = await setUp();
  for (const n of [1, 2, 3, 4]) {
    await avatars.save(1, `avatar-${n}`, picture(n));
    await clock.advance(1_000);
  }
  await store.prune(never, 10);
  const left = await Promise.all([1, 2, 3, 4].map((n) => avatars.find(1, `avatar-${n}`)));
  expect(left.map((bytes) => bytes !== undefined)).toEqual([false, false, true, true]);
});

test("what the network did not have is asked for again after a day, a picture after 90", async () => {
  const { clock, store, avatars } = await setUp();
  await avatars.save(1, "nothing", null);
  await avatars.save(1, "red", picture(1));
  await clock.advance(day + 1);
  await store.prune(never, 10);
  expect([await avatars.find(1, "nothing"), await avatars.find(1, "red")]).toEqual([undefined, expect.anything()]);
  await clock.advance(90 * day);
  await store.prune(never, 10);
  expect(await avatars.find(1, "red")).toBeUndefined();
});

test("S-09: a picture that comes after the sign-out is not kept", async () => {
  const { store, avatars } = await setUp();
  await avatars.save(1, "red", picture(1));
  await store.accounts.remove(1);
  expect(await avatars.find(1, "red")).toBeUndefined();
  await avatars.save(1, "red", picture(1));
  expect(await avatars.find(1, "red")).toBeUndefined();
});
