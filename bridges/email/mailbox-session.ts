// The IMAP half of an account: one connection that reads INBOX, idles, comes back whatever happens, and lends itself
// to short jobs in between (search Sent, append, set \Seen). Everything on it runs in one line, so no command ever
// meets another.
import type { ImapFlow, MailboxObject } from "imapflow";
import { backoff, type BackoffTimes, BridgeError, type Host, pause } from "#bridge";
import { imapError } from "./errors.ts";
import { command, type Reader, readNew, resume } from "./incoming.ts";
import { type MailCursor, parseCursor } from "./mail-cursor.ts";

export interface MailboxTimes extends BackoffTimes {
  /** IDLE is renewed, and INBOX looked at without being told, after this time (ms). */
  readonly idle: number;
  /** The same where the server has no IDLE. */
  readonly poll: number;
  /** Pauses before a refused sign-in is tried again, in case it was a passing trouble; then the user is asked. */
  readonly confirmRefusal: readonly number[];
  /** How long a job waits for the connection before it is put off. */
  readonly jobWait: number;
}

export const mailboxTimes: MailboxTimes = {
  first: 1000,
  most: 300_000,
  idle: 300_000,
  poll: 60_000,
  confirmRefusal: [5000, 60_000],
  jobWait: 10_000,
};

/** A connection that lived this long was a good one: the next failure starts counting anew (ms). */
const provedGood = 30_000;

export interface MailboxDeps {
  readonly host: Host;
  /** A new signed-in connection. */
  readonly open: (signal: AbortSignal) => Promise<ImapFlow>;
  readonly reader: Omit<Reader, "deliver" | "stumbling">;
  readonly times: MailboxTimes;
}

interface Job {
  readonly run: (client: ImapFlow) => Promise<void>;
  readonly fail: (error: unknown) => void;
}

export class MailboxSession {
  readonly #deps: MailboxDeps;
  readonly #reader: Reader;
  readonly #stop = new AbortController();
  readonly #jobs: Job[] = [];
  #running: Promise<void> | undefined;
  #cursor: MailCursor | undefined;
  /** Something happened since INBOX was last read. */
  #news = false;
  #wake: () => void = () => undefined;

  constructor(deps: MailboxDeps) {
    this.#deps = deps;
    this.#cursor = parseCursor(deps.host.cursor);
    this.#reader = {
      ...deps.reader,
      stumbling: { uid: 0, times: 0, singlyUntil: 0 },
      deliver: async (mails, cursor) => {
        await deps.host.deliver(mails, cursor);
        this.#cursor = cursor;
      },
    };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Returns when nothing runs any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  /** The cursor of INBOX, once there is one. */
  get cursor(): MailCursor | undefined {
    return this.#cursor;
  }

  /**
   * Do something on the connection, between two readings of INBOX. The job may select another mailbox.
   * @throws BridgeError `retry` when there is no connection for `jobWait`.
   */
  async withClient<T>(job: (client: ImapFlow) => Promise<T>): Promise<T> {
    const offline = new BridgeError("retry", "The mailbox cannot be reached at the moment.");
    if (this.#stop.signal.aborted) throw offline;
    const timer = new AbortController();
    const work = new Promise<T>((resolve, reject) => {
      const entry: Job = {
        run: async (client) => {
          timer.abort();
          resolve(await job(client));
        },
        fail: reject,
      };
      this.#jobs.push(entry);
      void pause(this.#deps.times.jobWait, timer.signal).then(() => {
        const index = this.#jobs.indexOf(entry);
        if (index < 0) return;
        this.#jobs.splice(index, 1);
        reject(offline);
      });
    });
    this.#wake();
    return work.finally(() => timer.abort());
  }

  async #run(): Promise<void> {
    const { host, times } = this.#deps;
    const { signal } = this.#stop;
    let failures = 0;
    let refusals = 0;
    host.status("connecting");
    while (!signal.aborted) {
      const begun = Date.now();
      let online = false;
      try {
        await this.#connection(() => {
          online = true;
          refusals = 0;
          host.status("online");
        });
      } catch (cause) {
        if (signal.aborted) break;
        const error = imapError(cause);
        host.log.debug({ error: error.message }, "mailbox connection ended");
        if (online && Date.now() - begun >= provedGood) failures = 0;
        let wait = backoff(failures, times);
        failures += 1;
        if (error.kind === "login-required") {
          const confirmation = times.confirmRefusal[refusals];
          refusals += 1;
          if (confirmation === undefined) {
            // Another try could lock the account: only the user can go on from here.
            host.status("login-required", error.message);
            break;
          }
          wait = confirmation;
        }
        host.status("retrying", error.message);
        await pause(wait, signal);
      }
    }
    this.#failJobs();
  }

  /** One connection from sign-in to its end, which is always an error (or the session's own end). */
  async #connection(onOnline: () => void): Promise<void> {
    const { signal } = this.#stop;
    const client = await this.#deps.open(signal);
    const hangUp = (): void => client.close();
    signal.addEventListener("abort", hangUp, { once: true });
    client.on("exists", () => this.#tell());
    client.on("close", () => this.#tell());
    try {
      let cursor = await this.#openInbox(client);
      let idles = client.capabilities.has("IDLE");
      let first = true;
      while (!signal.aborted) {
        this.#news = false;
        cursor = await readNew(client, cursor, this.#reader);
        if (first) onOnline();
        first = false;
        if (this.#jobs.length > 0) {
          await this.#runJobs(client);
          cursor = await this.#openInbox(client);
          continue;
        }
        if (!client.usable) throw new Error("the server closed the connection");
        idles = await this.#rest(client, idles);
      }
    } finally {
      signal.removeEventListener("abort", hangUp);
      client.close();
    }
  }

  async #openInbox(client: ImapFlow): Promise<MailCursor> {
    if (this.#cursor !== undefined && isInbox(client.mailbox, this.#cursor)) return this.#cursor;
    const box = await command(client, this.#reader, client.mailboxOpen("INBOX"));
    return resume(client, box, this.#cursor, this.#reader);
  }

  async #runJobs(client: ImapFlow): Promise<void> {
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      try {
        await job.run(client);
      } catch (error) {
        job.fail(error);
        if (!client.usable) throw error;
      }
    }
  }

  /** Wait for news. Returns whether IDLE is still worth a try on this connection. */
  async #rest(client: ImapFlow, idles: boolean): Promise<boolean> {
    const { times } = this.#deps;
    const ended = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    // Spread, so that a thousand accounts do not renew in the same second.
    const longest = pause((idles ? times.idle : times.poll) * (0.9 + Math.random() * 0.1), ended.signal);
    try {
      if (this.#news || this.#jobs.length > 0 || this.#stop.signal.aborted || !client.usable) return idles;
      const begun = Date.now();
      const idling = idles ? client.idle().catch(() => false) : undefined;
      await Promise.race([woken, longest, ...(idling === undefined ? [] : [idling])]);
      const brief = Date.now() - begun < 1000 && !this.#news && this.#jobs.length === 0 && client.usable;
      // IDLE that ends at once was refused, or is being played with: look in from time to time instead.
      return idles && !(brief && !this.#stop.signal.aborted);
    } finally {
      ended.abort();
      this.#wake = () => undefined;
    }
  }

  #tell(): void {
    this.#news = true;
    this.#wake();
  }

  #failJobs(): void {
    const error = new BridgeError("retry", "The mailbox connection is closed.");
    for (const job of this.#jobs.splice(0)) job.fail(error);
  }
}

/** Selected, and with the same numbers as before. */
function isInbox(box: MailboxObject | false, cursor: MailCursor): boolean {
  return box !== false && box.path.toUpperCase() === "INBOX" && String(box.uidValidity) === cursor.uidValidity;
}
