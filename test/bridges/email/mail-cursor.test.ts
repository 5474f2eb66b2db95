import { expect, test } from "vitest";
import {
  advanced,
  firstCursor,
  isNews,
  type MailCursor,
  parseCursor,
  renumbered,
} from "../../../bridges/email/mail-cursor.ts";

const hour = 3600 * 1000;
const signIn = Date.UTC(2026, 10, 1);
const cursor: MailCursor = { uidValidity: "7", uidNext: 50, since: signIn, synced: signIn + 240 * hour, resync: null };

test("survives being stored, and takes nothing else for a cursor", () => {
  expect(parseCursor(JSON.parse(JSON.stringify(cursor)))).toEqual(cursor);
  const inResync = { ...cursor, resync: { until: 9, from: 3 } };
  expect(parseCursor(JSON.parse(JSON.stringify(inResync)))).toEqual(inResync);
  for (const other of [undefined, null, 5, "x", [], {}, { ...cursor, uidNext: "50" }, { ...cursor, uidValidity: 7 }]) {
    expect(parseCursor(other)).toBeUndefined();
  }
});

test("takes what was in the mailbox before sign-in for history, whatever its number", () => {
  const first = firstCursor("7", 10, signIn + 500);
  expect(isNews(first, 10, signIn - hour)).toBe(false);
  // A server whose clock is ten minutes behind ours dates a new mail before the sign-in.
  expect(isNews(first, 10, signIn - 10 * 60_000)).toBe(true);
  // INTERNALDATE has no fractions: after a renumbering a mail of the same second may be new, an earlier one is not.
  const again = renumbered(first, "8", 200);
  expect(isNews(again, 5, signIn)).toBe(true);
  expect(isNews(again, 5, signIn - 1000)).toBe(false);
});

test("after a renumbering reads again only what came about a day before it was last in step", () => {
  const again = renumbered(cursor, "8", 200);
  expect(again).toMatchObject({ uidValidity: "8", uidNext: 1, resync: { until: 200 } });
  expect(isNews(again, 5, cursor.synced - 25 * hour)).toBe(false);
  expect(isNews(again, 5, cursor.synced - 23 * hour)).toBe(true);
  // Beyond the numbers of that moment an old date is a mail that was moved here, not a repeat.
  expect(isNews(again, 200, cursor.synced - 25 * hour)).toBe(true);
});

test("never reaches back behind the sign-in, and remembers the first of two renumberings", () => {
  const young = { ...cursor, synced: signIn + hour };
  expect(renumbered(young, "8", 20).resync).toEqual({ until: 20, from: signIn });
  const once = renumbered(cursor, "8", 20);
  const twice = renumbered({ ...once, synced: once.synced + 99 * hour }, "9", 30);
  expect(twice.resync?.from).toBeLessThanOrEqual(once.resync?.from ?? 0);
});

test("moves forwards only, and is done with a renumbering at its end", () => {
  expect(advanced(cursor, 40).uidNext).toBe(50);
  const again = renumbered(cursor, "8", 20);
  expect(advanced(again, 19).resync).not.toBeNull();
  expect(advanced(again, 20).resync).toBeNull();
});
