import { describe, expect, test } from "vitest";
import { createTestClock } from "../kit/clock.ts";
import { incomingFiles, outgoing } from "../kit/rows.ts";
import { openTestStore, seedAccounts } from "./open-store.ts";

const source = { mxc: "mxc://a/b", key: "secret" };

async function open(fileLifetime?: number) {
  const clock = createTestClock();
  const store = await openTestStore({ clock, ...(fileLifetime === undefined ? {} : { fileLifetime }) });
  await seedAccounts(store, 2);
  return { clock, store };
}

const cat = { name: "cat.png", type: "image/png", source };

describe("files of messages", () => {
  test("are kept with the row of the message, each at its place", async () => {
    const { store } = await open(1_000);
    const row = incomingFiles([{ name: "seen only", type: "text/plain" }, cat]);
    await store.lanes.deliver(1, [{ row }]);
    expect(await store.files.get(row.key, 1)).toEqual({ account: 1, name: "cat.png", source });
    expect(await store.files.get(row.key, 0)).toBeUndefined();
    expect(await store.files.get(row.key, 2)).toBeUndefined();
    expect(await store.files.get("another", 1)).toBeUndefined();
  });

  test("are there up to the end of their lifetime, and are then deleted", async () => {
    const { store, clock } = await open(1_000);
    const row = incomingFiles([cat]);
    await store.lanes.deliver(1, [{ row }]);
    await clock.advance(1_000);
    expect(await store.files.get(row.key, 0)).toBeDefined();
    await clock.advance(1);
    expect(await store.files.get(row.key, 0)).toBeUndefined();
    // One a time, and there may be more as long as one went.
    const never = { rows: 0, records: 0 };
    expect(await store.prune(never, 1)).toBe(true);
    expect(await store.prune(never, 1)).toBe(false);
  });

  test("outlive the row, which is ended when the message is delivered", async () => {
    const { store, clock } = await open(30 * 86_400_000);
    const row = incomingFiles([cat]);
    const [stored] = await store.lanes.deliver(1, [{ row }]);
    await store.lanes.settleMany([stored?.id ?? 0]);
    await clock.advance(86_400_000);
    await store.prune({ rows: clock.now(), records: 0 }, 100);
    expect(await store.files.get(row.key, 0)).toBeDefined();
  });

  test("S-09: go with their account, at once", async () => {
    const { store } = await open(1_000);
    const row = incomingFiles([cat]);
    await store.lanes.deliver(1, [{ row }]);
    await store.accounts.remove(1);
    expect(await store.files.get(row.key, 0)).toBeUndefined();
  });

  test("are not kept when there are no links, nor for what a user sends", async () => {
    const { store } = await open();
    const row = incomingFiles([cat]);
    await store.lanes.deliver(1, [{ row }]);
    await store.lanes.append([outgoing("hi")]);
    expect(await store.files.get(row.key, 0)).toBeUndefined();
  });

  test("of one message are kept up to the thirty-second", async () => {
    const { store } = await open(1_000);
    const row = incomingFiles(Array.from({ length: 1_000 }, () => cat));
    await store.lanes.deliver(1, [{ row }]);
    expect(await store.files.get(row.key, 31)).toBeDefined();
    expect(await store.files.get(row.key, 32)).toBeUndefined();
  });
});
