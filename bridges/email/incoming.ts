// Account mode, network to user: read what is new in INBOX by UID cursor, in pages bounded in number and bytes. What
// EXISTS says is only a reason to look. \Seen is never set here: imapflow fetches with BODY.PEEK.
import type { FetchMessageObject, ImapFlow, MailboxObject, SearchObject } from "imapflow";
import type { IncomingOriginal, Logger } from "#bridge";
import { originalId } from "./content-key.ts";
import { within } from "./deadline.ts";
import { advanced, firstCursor, isNews, type MailCursor, renumbered } from "./mail-cursor.ts";
import type { MailAbout } from "./mime-to-message.ts";
import { unreadableNotice } from "./unreadable.ts";

export interface Reader {
  /** The account's own id: part of the content key. */
  readonly self: string;
  readonly limits: ReadLimits;
  readonly log: Logger;
  /** Commits mails and cursor together; what it throws ends the round without counting against a mail. */
  readonly deliver: (mails: readonly IncomingOriginal[], cursor: MailCursor) => Promise<void>;
  /** Where reading failed before, kept over reconnects. */
  readonly stumbling: Stumbling;
}

export interface ReadLimits {
  readonly maxMailBytes: number;
  readonly largeMailBytes: number;
  /** For a command that moves no mail, in milliseconds. */
  readonly commandTimeout: number;
}

/** A mail that breaks the connection again and again would stop all that come after it. */
export interface Stumbling {
  uid: number;
  times: number;
  /** Up to this UID mails are read one by one. */
  singlyUntil: number;
}

const pageMails = 20;
const pageBytes = 4 * 1024 * 1024;
/** The slowest line that still counts as alive, in bytes per millisecond. */
const slowest = 10;
/** After so many broken fetches the mails go one by one, and after so many more a notice takes the mail's place. */
const singlyAfter = 2;
const giveUpAfter = 5;
/** Tell the store now and then that we are up to date, even when no mail comes (ms). */
const refreshAfter = 12 * 3600 * 1000;

/** The cursor to go on with after INBOX was opened. Commits it when it is a new one. */
export async function resume(
  client: ImapFlow,
  box: MailboxObject,
  stored: MailCursor | undefined,
  reader: Reader,
): Promise<MailCursor> {
  const uidValidity = String(box.uidValidity);
  const uidNext = box.uidNext > 0 ? box.uidNext : await uidNextByLooking(client, reader);
  if (stored === undefined) {
    const cursor = firstCursor(uidValidity, uidNext, Date.now());
    await reader.deliver([], cursor);
    return cursor;
  }
  // A mailbox restored from a backup may keep UIDVALIDITY and go back in UIDs: new mail would come below the cursor.
  if (stored.uidValidity === uidValidity && uidNext >= stored.uidNext) return stored;
  reader.log.warn({ was: stored.uidValidity, is: uidValidity }, "mailbox was renumbered, reading recent mail again");
  const cursor = renumbered(stored, uidValidity, uidNext);
  await reader.deliver([], cursor);
  return cursor;
}

/** Hand over everything new. Returns the cursor at the end of the mailbox. */
export async function readNew(client: ImapFlow, cursor: MailCursor, reader: Reader): Promise<MailCursor> {
  let at = cursor;
  const uids = (await searchUids(client, queryFor(at), reader)).filter((uid) => uid >= at.uidNext);
  for (let index = 0; index < uids.length; ) {
    const singly = (uids[index] ?? 0) <= reader.stumbling.singlyUntil;
    const page = uids.slice(index, index + (singly ? 1 : pageMails));
    index += page.length;
    at = await readPage(client, page, at, reader);
  }
  if (at.resync !== null) at = advanced(at, at.resync.until);
  const now = Date.now();
  if (at.resync !== cursor.resync || now - at.synced > refreshAfter) {
    at = { ...at, synced: now };
    await reader.deliver([], at);
  }
  return at;
}

/** While UIDs below `until` are being read again, SINCE (whole days, server's time zone) spares the old mail. */
function queryFor(cursor: MailCursor): SearchObject {
  const uid = `${cursor.uidNext}:*`;
  if (cursor.resync === null) return { uid };
  return { uid, since: new Date(Math.max(0, cursor.resync.from - 24 * 3600 * 1000)) };
}

interface Facts {
  readonly uid: number;
  readonly size: number;
  readonly internalDate: number;
  readonly flags: readonly string[];
}

async function readPage(
  client: ImapFlow,
  uids: readonly number[],
  cursor: MailCursor,
  reader: Reader,
): Promise<MailCursor> {
  const facts = await readFacts(client, uids, reader);
  let at = cursor;
  let batch: Facts[] = [];
  let bytes = 0;
  const flush = async (nextUid: number): Promise<void> => {
    const mails = batch.length === 0 ? [] : await readBatch(client, batch, at, reader);
    at = { ...advanced(at, nextUid), synced: Date.now() };
    await reader.deliver(mails, at);
    batch = [];
    bytes = 0;
  };
  for (const mail of facts) {
    if (!isNews(at, mail.uid, mail.internalDate)) continue;
    const wanted = Math.min(mail.size, reader.limits.maxMailBytes);
    if (batch.length > 0 && bytes + wanted > pageBytes) await flush(mail.uid);
    batch.push(mail);
    bytes += wanted;
  }
  await flush((uids.at(-1) ?? 0) + 1);
  return at;
}

/** Size, date and flags; mails expunged since the search are not in the result. */
async function readFacts(client: ImapFlow, uids: readonly number[], reader: Reader): Promise<Facts[]> {
  const range = uids.join(",");
  const query = { uid: true, size: true, internalDate: true, flags: true };
  const rows = await command(client, reader, client.fetchAll(range, query, { uid: true }));
  const wanted = new Set(uids);
  return rows
    .filter((row) => wanted.has(row.uid))
    .map((row) => ({
      uid: row.uid,
      size: row.size ?? 0,
      internalDate: new Date(row.internalDate ?? 0).getTime() || Date.now(),
      flags: [...(row.flags ?? [])],
    }))
    .toSorted((a, b) => a.uid - b.uid);
}

/** The raw mails of one batch, in UID order. Failures are counted against its first mail. */
async function readBatch(
  client: ImapFlow,
  batch: readonly Facts[],
  cursor: MailCursor,
  reader: Reader,
): Promise<IncomingOriginal[]> {
  const first = batch[0];
  if (first === undefined) return [];
  const { stumbling, limits } = reader;
  if (stumbling.uid === first.uid && stumbling.times >= giveUpAfter && batch.length === 1) {
    reader.log.error({ uid: first.uid, size: first.size }, "mail cannot be read, delivering a notice in its place");
    const raw = unreadableNotice(reader.self, { ...first, uidValidity: cursor.uidValidity });
    return [toOriginal(raw, { ...first, size: raw.length }, reader, false)];
  }
  try {
    const [whole, large] = partition(batch, (mail) => mail.size <= limits.maxMailBytes);
    const found = new Map<number, IncomingOriginal>();
    for (const [mails, length] of [
      [whole, limits.maxMailBytes],
      [large, limits.largeMailBytes],
    ] as const) {
      if (mails.length === 0) continue;
      for (const row of await fetchSources(client, mails, length, reader)) {
        const mail = mails.find((entry) => entry.uid === row.uid);
        if (mail === undefined || row.source === undefined) continue;
        // A server that reports a size it does not keep to is believed about the bytes only.
        const cut = mails === large || (row.source.length >= length && mail.size !== length);
        found.set(mail.uid, toOriginal(row.source, mail, reader, cut));
      }
    }
    const missing = batch.filter((mail) => !found.has(mail.uid)).map((mail) => mail.uid);
    if (missing.length > 0) await proveExpunged(client, missing, reader);
    return batch.flatMap((mail) => found.get(mail.uid) ?? []);
  } catch (error) {
    stumbling.times = stumbling.uid === first.uid ? stumbling.times + 1 : 1;
    stumbling.uid = first.uid;
    if (stumbling.times >= singlyAfter) stumbling.singlyUntil = batch.at(-1)?.uid ?? first.uid;
    throw error;
  }
}

async function fetchSources(
  client: ImapFlow,
  mails: readonly Facts[],
  maxLength: number,
  reader: Reader,
): Promise<FetchMessageObject[]> {
  const range = mails.map((mail) => mail.uid).join(",");
  const bytes = mails.reduce((sum, mail) => sum + Math.min(mail.size, maxLength), 0);
  const work = client.fetchAll(range, { uid: true, source: { start: 0, maxLength } }, { uid: true });
  return within(reader.limits.commandTimeout + bytes / slowest, work, () => client.close());
}

/** A mail that a FETCH left out was expunged meanwhile (fine) or is withheld (not fine: it would be skipped). */
async function proveExpunged(client: ImapFlow, uids: readonly number[], reader: Reader): Promise<void> {
  const left = await searchUids(client, { uid: uids.join(",") }, reader);
  if (left.some((uid) => uids.includes(uid))) throw new Error("the server left out a mail it has");
}

function toOriginal(raw: Buffer, mail: Facts, reader: Reader, truncated: boolean): IncomingOriginal {
  const about: MailAbout = {
    source: "imap",
    receivedAt: mail.internalDate,
    rcptTo: reader.self,
    size: mail.size,
    truncated,
    flags: [...mail.flags],
    mailbox: "INBOX",
  };
  return { type: "original", id: originalId(raw, reader.self), raw, about, sentAt: mail.internalDate };
}

/** Sorted UIDs. imapflow turns a refused SEARCH into `false`: that is an error here, not an empty mailbox. */
export async function searchUids(
  client: ImapFlow,
  query: SearchObject,
  reader: Pick<Reader, "limits">,
): Promise<number[]> {
  const found = await command(client, reader, client.search(query, { uid: true }));
  if (!Array.isArray(found)) throw new Error("the server refused to search the mailbox");
  return found.toSorted((a, b) => a - b);
}

async function uidNextByLooking(client: ImapFlow, reader: Reader): Promise<number> {
  const last = await searchUids(client, { uid: "*" }, reader);
  return (last.at(-1) ?? 0) + 1;
}

/** Every command has an end: a server that stays silent loses the connection. */
export function command<T>(client: ImapFlow, reader: Pick<Reader, "limits">, work: Promise<T>): Promise<T> {
  return within(reader.limits.commandTimeout, work, () => client.close());
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
