// Encrypted messages whose key is missing: shown with a placeholder, corrected when the key comes. Kept in memory only;
// what came before a restart is corrected by looking at the history, not here.
import type { RoomEvent } from "./wire.ts";

export interface RoomKey {
  readonly roomId: string;
  readonly sessionId: string;
}

export interface Unread {
  readonly key: RoomKey;
  readonly event: RoomEvent;
}

/** Events may have 64 KB each. */
const mostKept = 200;

export class Unreadable {
  readonly #byEvent = new Map<string, Unread>();

  note(event: RoomEvent, key: RoomKey): void {
    this.#byEvent.set(event.event_id, { event, key });
    for (const oldest of this.#byEvent.keys()) {
      if (this.#byEvent.size <= mostKept) break;
      this.#byEvent.delete(oldest);
    }
  }

  /** Those that these keys may open, oldest first; they are no longer kept. */
  take(keys: readonly RoomKey[]): readonly Unread[] {
    const named = new Set(keys.map(nameOf));
    const found = [...this.#byEvent.values()].filter(({ key }) => named.has(nameOf(key)));
    for (const { event } of found) this.#byEvent.delete(event.event_id);
    return found;
  }
}

function nameOf({ roomId, sessionId }: RoomKey): string {
  return `${roomId} ${sessionId}`;
}
