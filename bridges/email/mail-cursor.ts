// Where reading a mailbox resumes. The core commits it together with the mails before it.
import type { Json } from "#bridge";

export interface MailCursor {
  readonly [key: string]: Json;
  /** RFC 3501 section 2.3.1.1: UIDs mean something only together with it. */
  readonly uidValidity: string;
  /** The first UID that was not handed over. */
  readonly uidNext: number;
  /** Sign-in time: mail that reached the mailbox before it is history, whatever its UID (ms). */
  readonly since: number;
  /** When the mailbox was last known to be read to its end (ms). */
  readonly synced: number;
  /** UIDs were renumbered: those below `until` are new only if they arrived at `from` or later. Null: they were not. */
  readonly resync: { readonly until: number; readonly from: number } | null;
}

/** Repeats within this time before `synced` are dropped by the core, which remembers ids for longer (ms). */
const overlap = 24 * 3600 * 1000;

/** The mail server's clock may be behind ours: a mail with a fresh UID is new all the same (ms). */
const clockSkew = 15 * 60 * 1000;

/** The cursor that was stored, or undefined for a first sign-in (or something that is not a cursor). */
export function parseCursor(stored: Json | undefined): MailCursor | undefined {
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) return undefined;
  const { uidValidity, uidNext, since, synced, resync } = stored as { readonly [key: string]: Json };
  if (typeof uidValidity !== "string" || typeof uidNext !== "number") return undefined;
  if (typeof since !== "number" || typeof synced !== "number") return undefined;
  return { uidValidity, uidNext, since, synced, resync: parseResync(resync) };
}

function parseResync(value: Json | undefined): MailCursor["resync"] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { until, from } = value as { readonly [key: string]: Json };
  return typeof until === "number" && typeof from === "number" ? { until, from } : null;
}

/** The first sign-in: nothing that is in the mailbox already is delivered (email.md 30). */
export function firstCursor(uidValidity: string, uidNext: number, now: number): MailCursor {
  return { uidValidity, uidNext, since: now, synced: now, resync: null };
}

/**
 * UIDs were renumbered (UIDVALIDITY changed, or UIDNEXT went back after a restore): read everything again, but only
 * what arrived about when we stopped reading, or later. What was delivered before is dropped by its content key.
 */
export function renumbered(cursor: MailCursor, uidValidity: string, uidNext: number): MailCursor {
  const from = Math.max(cursor.since, (cursor.resync?.from ?? cursor.synced) - overlap);
  return { ...cursor, uidValidity, uidNext: 1, resync: { until: uidNext, from } };
}

/** Whether a mail that has not been handed over is to be: internal dates count in whole seconds. */
export function isNews(cursor: MailCursor, uid: number, internalDate: number): boolean {
  const renumberedPart = cursor.resync !== null && uid < cursor.resync.until;
  const from = renumberedPart ? Math.max(cursor.since, cursor.resync?.from ?? 0) : cursor.since - clockSkew;
  return internalDate >= Math.floor(from / 1000) * 1000;
}

/** The cursor after everything below `uidNext` was handed over. */
export function advanced(cursor: MailCursor, uidNext: number): MailCursor {
  const next = Math.max(cursor.uidNext, uidNext);
  const resync = cursor.resync !== null && next >= cursor.resync.until ? null : cursor.resync;
  return { ...cursor, uidNext: next, resync };
}
