import { describe, expect, test } from "vitest";
import { createTestClock } from "../kit/clock.ts";
import { incomingFiles, original, outgoing } from "../kit/rows.ts";
import { openTestStore, seedAccounts } from "./open-store.ts";

const source = { mxc: "mxc://a/b", key: "secret" };

async function open(fileLifetime?: number) {
  const clock = createTestClock();
  const store = await openTestStore({ clock, ...(fileLifetime === undefined ? {} : { fileLifetime }) });
  await seedAccounts(store, 2);
  return { clock, store };
}

const day = 86_400_000;
const cat = { name: "cat.png", type: "image/png", source };

describe("files of messages", () => {
  test("are kept with the row of the message, each at its place", async () => {
    const { store } = await open(1_000);
    const row = incomingFiles([{ name: "seen only", type: "text/plain" }, cat]);
    await store.lanes.deliver(1, [{ row }]);
    expect(await store.files.get(row.key, 1)).toEqual({ account: 1, name: "cat.png", source, original: undefined });
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

  test("that lie in stored bytes keep those while a link leads to them, and no longer", async () => {
    const { store, clock } = await open(30 * day);
    const row = incomingFiles([cat, cat]);
    await store.lanes.deliver(1, [original("with files"), original("without")]);
    await store.lanes.deliver(1, [{ row }], { settle: { id: 1, state: "done" } });
    await store.lanes.deliver(1, [], { settle: { id: 2, state: "done" } });
    expect(await store.files.get(row.key, 1)).toMatchObject({ original: 1 });
    await clock.advance(8 * day);
    await store.prune({ rows: clock.now() - 7 * day, records: 0 }, 100);
    expect([await store.lanes.raw(1), await store.lanes.raw(2)]).toEqual([
      new Uint8Array(Buffer.from("raw")),
      undefined,
    ]);
    await clock.advance(23 * day);
    await store.prune({ rows: clock.now() - 7 * day, records: 0 }, 100);
    expect(await store.lanes.raw(1)).toBeUndefined();
  });

  test("that expire before their row leave its bytes there", async () => {
    const { store, clock } = await open(day);
    await store.lanes.deliver(1, [original("mail")]);
    await store.lanes.deliver(1, [{ row: incomingFiles([cat]) }], { settle: { id: 1, state: "done" } });
    await clock.advance(2 * day);
    await store.prune({ rows: clock.now() - 7 * day, records: 0 }, 100);
    expect(await store.lanes.raw(1)).toBeDefined();
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
