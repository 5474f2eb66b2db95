import { expect, test } from "vitest";
import { BridgeError, type FileContent, type LiveSession } from "#bridge";
import { Avatars } from "../../src/gateway/avatars.ts";
import { BriefAsks } from "../../src/gateway/brief-asks.ts";
import { createTestClock, settle } from "../kit/clock.ts";
import { pngOf } from "../kit/pictures.ts";
import { openTestStore, seedAccounts } from "../store/open-store.ts";
import { createLog, eventually } from "./setup.ts";

const red = pngOf([255, 0, 0]);
const fileOf = (bytes: Uint8Array): FileContent => ({
  type: "image/png",
  body: new Blob([Uint8Array.from(bytes)]).stream(),
});

/** Two accounts whose sessions read pictures by `open`. */
async function setUp(open: (avatar: string, pixels: number, signal: AbortSignal) => Promise<FileContent>) {
  const clock = createTestClock();
  const store = await openTestStore({ clock });
  await seedAccounts(store, 2);
  const asked: string[] = [];
  const session = {
    openAvatar(avatar: string, pixels: number, signal: AbortSignal) {
      asked.push(`${avatar} ${pixels}`);
      return open(avatar, pixels, signal);
    },
  } as unknown as LiveSession;
  const log = createLog();
  const asks = new BriefAsks(clock);
  const avatars = new Avatars({ store: store.avatars, asks, clock, log, sessionOf: () => session });
  return { clock, store, avatars, asked, log };
}

test("a picture is asked for once, however many want it", async () => {
  const { avatars, asked } = await setUp(async () => fileOf(red));
  const all = await Promise.all([1, 2, 3].map(() => avatars.picture(1, "red")));
  expect(all.map((picture) => picture?.bytes.length)).toEqual([red.length, red.length, red.length]);
  await avatars.picture(1, "red");
  expect(asked).toEqual(["red 192"]);
});

test("who waits for it in one place is told once", async () => {
  const { avatars } = await setUp(async () => fileOf(red));
  const told: string[] = [];
  for (const place of ["bob", "bob", "room"]) avatars.want(1, "red", place, async () => void told.push(place));
  await eventually("both places", () => told.length === 2);
  await settle(20);
  expect(told.toSorted()).toEqual(["bob", "room"]);
});

test("one that is too many bytes is asked for smaller, and what is too many bytes then is none", async () => {
  const large = Buffer.concat([red, Buffer.alloc(100_000)]);
  const { avatars, asked } = await setUp(async (avatar, pixels) =>
    fileOf(avatar === "fine" && pixels < 100 ? red : large),
  );
  expect((await avatars.picture(1, "fine"))?.bytes.length).toBe(red.length);
  expect(await avatars.picture(1, "never")).toBeUndefined();
  expect(await avatars.picture(1, "never")).toBeUndefined();
  expect(asked).toEqual(["fine 192", "fine 96", "never 192", "never 96"]);
});

test("a picture without an end is cut off", async () => {
  const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(10_000)) });
  const { avatars } = await setUp(async () => ({ type: "image/png", body: endless }));
  expect(await avatars.picture(1, "endless")).toBeUndefined();
});

test("one that drips is given up, and asked for again later", async () => {
  const { avatars, asked, clock } = await setUp(async () => ({ type: "image/png", body: new ReadableStream() }));
  const first = avatars.picture(1, "slow");
  await eventually("it is read", () => asked.length === 1);
  await clock.advance(20_000);
  expect(await first).toBeUndefined();
  expect(await avatars.picture(1, "slow")).toBeUndefined();
  expect(asked).toHaveLength(1);
  await clock.advance(10 * 60_000);
  const again = avatars.picture(1, "slow");
  await eventually("it is read again", () => asked.length === 2);
  await clock.advance(20_000);
  expect(await again).toBeUndefined();
});

test("what the network does not have is not asked for again", async () => {
  const { avatars, asked } = await setUp(async () => {
    throw new BridgeError("reject", "There is no such picture.", { condition: "item-not-found" });
  });
  expect(await avatars.picture(1, "gone")).toBeUndefined();
  expect(await avatars.picture(1, "gone")).toBeUndefined();
  expect(asked).toHaveLength(1);
});

test("M14: of a crowd two are read at a time for one account, and another account does not wait for it", async () => {
  const waiting: (() => void)[] = [];
  const { avatars, asked } = await setUp(async () => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return fileOf(red);
  });
  for (let n = 0; n < 20_000; n++) void avatars.picture(1, `crowd-${n}`);
  await eventually("two are read", () => asked.length === 2);
  const other = avatars.picture(2, "bob");
  await eventually("the other account's is read", () => asked.includes("bob 192"));
  await settle(20);
  expect(asked).toHaveLength(3);
  for (const goOn of waiting) goOn();
  expect((await other)?.width).toBe(16);
});

test("X12: a client's request does not wait long for a network that is silent, and few of them wait at all", async () => {
  const { avatars, asked, clock } = await setUp(() => new Promise(() => {}));
  const requests = Array.from({ length: 300 }, (_, n) => avatars.pictureSoon(1, `silent-${n}`));
  const refused = await Promise.all(requests.slice(4));
  expect(refused.every((picture) => picture === undefined)).toBe(true);
  await eventually("two are read", () => asked.length === 2);
  await clock.advance(5_000);
  expect(await Promise.all(requests)).toHaveLength(300);
});
