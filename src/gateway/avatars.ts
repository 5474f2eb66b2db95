// Pictures of people and rooms: read from the network when somebody is to see them, and kept.
import { BridgeError, type AvatarId, type FileContent, type LiveSession, type Logger, type Picture } from "#bridge";
import type { BriefAsks } from "./brief-asks.ts";
import { pictureOf } from "./pictures.ts";
import type { AccountId, AvatarStore, Clock } from "./ports.ts";
import { Turns } from "./turns.ts";

/** Pixels: what clients show in a list on a fine screen, and what is asked for when that is too many bytes. */
const sizes = [192, 96] as const;
/** Bytes of one picture: with base64 and the rest of a card well below what servers take as one stanza. */
const mostBytes = 98_304;
/** Milliseconds for one picture. */
const patience = 20_000;
/** Milliseconds before the network is asked again for what it could not give. */
const pauseAfterFailure = 10 * 60_000;
const mostFailures = 10_000;
const longestId = 1_000;
const turns = { atOnce: 8, perAccount: 2, waiting: 1_000 } as const;

export interface AvatarsOptions {
  readonly store: AvatarStore;
  readonly asks: BriefAsks;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined while the account is not connected. */
  readonly sessionOf: (account: AccountId) => LiveSession | undefined;
}

export class Avatars {
  readonly #o: AvatarsOptions;
  readonly #turns = new Turns(turns);
  /** Reading now, or waiting for it. */
  readonly #reading = new Map<string, Promise<Picture | undefined>>();
  /** Where a picture is waited for. Bounded by the readings under way and the places that show them. */
  readonly #wished = new Set<string>();
  /** Not to be asked for again before that time. */
  readonly #failed = new Map<string, number>();

  constructor(options: AvatarsOptions) {
    this.#o = options;
  }

  /** The picture behind an avatar, read from the network when it is not here. Undefined: none, or none to be had now. */
  async picture(account: AccountId, id: AvatarId): Promise<Picture | undefined> {
    const kept = await this.#kept(account, id);
    return kept === null ? undefined : (kept ?? this.#readOnce(account, id));
  }

  /** As `picture`, for a client's request: what cannot be had soon is not waited for. */
  async pictureSoon(account: AccountId, id: AvatarId): Promise<Picture | undefined> {
    const kept = await this.#kept(account, id);
    if (kept !== undefined) return kept ?? undefined;
    return this.#o.asks.ask(account, () => this.#readOnce(account, id));
  }

  /** As `picture` in the background: `ready` is called when it is there, once for each `place` that waits for it. */
  want(account: AccountId, id: AvatarId, place: string, ready: () => Promise<void>): void {
    const wish = `${account}/${id}/${place}`;
    if (this.#wished.has(wish)) return;
    this.#wished.add(wish);
    this.picture(account, id)
      .then((picture) => picture && ready())
      .catch((error: unknown) => this.#o.log.warn({ err: error, account }, "a picture was not shown"))
      .finally(() => this.#wished.delete(wish));
  }

  /** null: there is nothing to show. */
  async #kept(account: AccountId, id: AvatarId): Promise<Picture | null | undefined> {
    const bytes = await this.#o.store.find(account, id);
    return bytes && (pictureOf(bytes) ?? null);
  }

  async #readOnce(account: AccountId, id: AvatarId): Promise<Picture | undefined> {
    if (id.length > longestId) return undefined;
    const key = `${account}/${id}`;
    return this.#reading.get(key) ?? this.#begin(key, account, id);
  }

  #begin(key: string, account: AccountId, id: AvatarId): Promise<Picture | undefined> {
    const until = this.#failed.get(key);
    if (until !== undefined && until > this.#o.clock.now()) return Promise.resolve(undefined);
    this.#failed.delete(key);
    const reading = this.#turns
      .take(account, () => this.#read(key, account, id))
      .finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }

  async #read(key: string, account: AccountId, id: AvatarId): Promise<Picture | undefined> {
    const session = this.#o.sessionOf(account);
    if (session?.openAvatar === undefined) return undefined;
    try {
      const picture = await this.#smallEnough(session, id);
      await this.#o.store.save(account, id, picture ?? null);
      return picture;
    } catch (error) {
      this.#o.log.debug({ err: error, account }, "a picture could not be read");
      if (error instanceof BridgeError && error.kind === "reject") await this.#o.store.save(account, id, null);
      else this.#fail(key);
      return undefined;
    }
  }

  /** Undefined for what is no picture, or too large in every size. */
  async #smallEnough(session: LiveSession, id: AvatarId): Promise<Picture | undefined> {
    for (const pixels of sizes) {
      const abort = new AbortController();
      const timer = this.#o.clock.setTimeout(() => abort.abort(new Error("a picture took too long")), patience);
      try {
        const content = await session.openAvatar?.(id, pixels, abort.signal);
        const bytes = content && (await readBytes(content, abort.signal));
        if (bytes !== undefined) return pictureOf(bytes);
      } finally {
        this.#o.clock.clearTimeout(timer);
      }
    }
    return undefined;
  }

  #fail(key: string): void {
    if (this.#failed.size >= mostFailures) this.#failed.clear();
    this.#failed.set(key, this.#o.clock.now() + pauseAfterFailure);
  }
}

/** Undefined when there are more than `mostBytes`. */
async function readBytes({ body }: FileContent, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener("abort", stop);
  stopped.promise.catch(() => {});
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), stopped.promise]);
      if (done) return Buffer.concat(chunks);
      size += value.length;
      if (size > mostBytes) return undefined;
      chunks.push(value);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    await reader.cancel().catch(() => {});
  }
}
