// What could not be read is read again when its key has come, and told as a correction of its placeholder.
import type { Host, Logger } from "#bridge";
import type { RoomKey } from "./crypto/decryption.ts";
import type { Encryption } from "./encryption.ts";
import type { Rooms } from "./rooms.ts";
import { corrected, outdated } from "./telling.ts";
import type { Unread, Unreadable } from "./unreadable.ts";

export interface SecondReadingDeps {
  readonly host: Pick<Host, "deliver">;
  readonly rooms: Rooms;
  readonly encryption: Encryption;
  readonly unreadable: Unreadable;
  readonly log: Logger;
}

/** More keys than this at once, and everything is looked at. */
const mostNamed = 1000;

export class SecondReading {
  readonly #deps: SecondReadingDeps;
  /** Keys that came and were not tried yet. */
  #keys = new Set<string>();
  /** Any key may have come: before a restart, or when the last attempt failed. */
  #all = true;
  #running: Promise<void> | undefined;

  constructor(deps: SecondReadingDeps) {
    this.#deps = deps;
  }

  /** Called at any time, also while a sync answer is read whose placeholders are not committed yet. */
  keysCame(keys: readonly RoomKey[]): void {
    for (const key of keys) this.#keys.add(nameOf(key));
    if (this.#keys.size > mostNamed) {
      this.#all = true;
      this.#keys.clear();
    }
    this.run();
  }

  /** In the background, after each sync: does nothing when no key came. */
  run(): void {
    if (this.#running !== undefined || (!this.#all && this.#keys.size === 0)) return;
    // Between two sync answers: what waits is known then.
    this.#running = this.#deps.rooms
      .exclusive(() => this.#read())
      .then(
        () => {
          this.#running = undefined;
          this.run(); // for keys that came meanwhile
        },
        (error: unknown) => {
          this.#running = undefined;
          this.#all = true; // the next sync tries again
          this.#deps.log.warn({ err: error }, "messages whose keys came could not be corrected");
        },
      );
  }

  async close(): Promise<void> {
    await this.#running;
  }

  async #read(): Promise<void> {
    const [all, keys] = [this.#all, this.#keys];
    this.#all = false;
    this.#keys = new Set();
    for (const unread of this.#deps.unreadable.all()) {
      if (all || keys.has(nameOf(unread.key))) await this.#readOne(unread);
    }
  }

  async #readOne({ event, key }: Unread): Promise<void> {
    const { host, rooms, encryption, unreadable } = this.#deps;
    const read = await encryption.decrypt(key.roomId, { ...event });
    if (read.kind === "missing") return;
    const room = rooms.get(key.roomId);
    const telling = { self: rooms.self, draft: rooms.draft() };
    const news = read.kind === "ok" && room !== undefined ? corrected(event, read.event, room, telling) : [];
    const over = outdated(news, rooms.self, (id) => unreadable.get(id));
    const gone = unreadable.change(new Map([event.event_id, ...over].map((id) => [id, undefined])));
    // In one commit: after a crash it is done, or offered again under the same ids.
    await host.deliver(news, undefined, gone.records);
    gone.commit();
  }
}

const nameOf = ({ roomId, sessionId }: RoomKey): string => `${roomId} ${sessionId}`;
