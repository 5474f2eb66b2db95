// Encrypted messages whose key is missing: shown as a placeholder, and kept until the key comes. They are records of the
// account, written in the commit of the placeholder, because keys often come days later, with a recovery key.
import type { RecordChanges, Records } from "#bridge";
import type { RoomKey } from "./crypto/decryption.ts";
import { numberAt, objectAt, parseBytes, textAt, toBytes } from "./json.ts";
import { parseEvent, type RoomEvent } from "./wire.ts";

export interface Unread {
  readonly key: RoomKey;
  readonly event: RoomEvent;
  /** When the placeholder was shown, in milliseconds since the epoch. */
  readonly at: number;
}

/** By event id; undefined: no longer of interest. */
export type UnreadChanges = ReadonlyMap<string, Unread | undefined>;

const prefix = "unreadable/";
/** The oldest give way: their placeholders stay. An event may have 64 KB. */
const mostKept = 500;
const mostBytes = 2 * 1024 * 1024;

interface Kept extends Unread {
  readonly bytes: number;
}

export class Unreadable {
  /** By event id, oldest first. */
  #kept: ReadonlyMap<string, Kept>;

  private constructor(kept: ReadonlyMap<string, Kept>) {
    this.#kept = kept;
  }

  static async load(records: Records): Promise<Unreadable> {
    const found: Kept[] = [];
    for (const bytes of (await records.load(prefix)).values()) {
      const unread = parseUnread(parseBytes(bytes));
      if (unread !== undefined) found.push({ ...unread, bytes: bytes.length });
    }
    return new Unreadable(new Map(found.toSorted((a, b) => a.at - b.at).map((one) => [one.event.event_id, one])));
  }

  get size(): number {
    return this.#kept.size;
  }

  get(eventId: string): Unread | undefined {
    return this.#kept.get(eventId);
  }

  /** Oldest first. */
  all(): readonly Unread[] {
    return [...this.#kept.values()];
  }

  /** The changes as records; `commit` when they are on disk. */
  change(changes: UnreadChanges): { readonly records: RecordChanges; readonly commit: () => void } {
    if (changes.size === 0) return { records: new Map(), commit: () => {} };
    const next = new Map(this.#kept);
    const records = new Map<string, Uint8Array | undefined>();
    for (const [id, unread] of changes) {
      if (next.delete(id)) records.set(`${prefix}${id}`, undefined);
      if (unread === undefined) continue;
      const bytes = toBytes(unread);
      next.set(id, { ...unread, bytes: bytes.length });
      records.set(`${prefix}${id}`, bytes);
    }
    let total = [...next.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [id, { bytes }] of next) {
      if (next.size <= mostKept && total <= mostBytes) break;
      next.delete(id);
      records.set(`${prefix}${id}`, undefined);
      total -= bytes;
    }
    return {
      records,
      commit: () => {
        this.#kept = next;
      },
    };
  }
}

function parseUnread(value: unknown): Unread | undefined {
  const event = parseEvent(objectAt(value, "event"));
  const key = objectAt(value, "key");
  const [roomId, sessionId] = [textAt(key, "roomId"), textAt(key, "sessionId")];
  if (event === undefined || roomId === undefined || sessionId === undefined) return undefined;
  return { event, key: { roomId, sessionId }, at: numberAt(value, "at") ?? 0 };
}
