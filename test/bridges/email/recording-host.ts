// The core's side of a session, in memory: keeps what was delivered and the cursor, as the store would.
import { MemoryRecords, plainFetch } from "../../../src/bridge/harness.ts";
import type { Host, Incoming, IncomingOriginal, Json, Logger, SessionState } from "#bridge";

export const silentLog: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export class RecordingHost implements Host {
  readonly records = new MemoryRecords();
  readonly fetch = plainFetch;
  readonly mails: IncomingOriginal[] = [];
  readonly states: string[] = [];
  readonly log: Logger = silentLog;
  readonly #seen = new Set<string>();
  readonly #end = new AbortController();
  readonly signal: AbortSignal = this.#end.signal;
  cursor: Json | undefined;
  /** Deliveries, also those without a mail. */
  commits = 0;
  /** Set: the next delivery fails, as a full disk makes it. */
  storeFails = false;
  /** Repeats that the content key caught. */
  repeats = 0;

  constructor(cursor?: Json) {
    this.cursor = cursor;
  }

  async deliver(events: readonly Incoming[], cursor?: Json): Promise<void> {
    if (this.storeFails) throw new Error("disk full");
    this.commits += 1;
    for (const event of events) {
      if (event.type !== "original") throw new Error(`unexpected ${event.type}`);
      if (this.#seen.has(event.id)) this.repeats += 1;
      else this.mails.push(event);
      this.#seen.add(event.id);
    }
    this.cursor = cursor ?? this.cursor;
  }

  hint(): void {}

  status(state: SessionState, detail?: string): void {
    this.states.push(detail === undefined ? state : `${state}: ${detail}`);
  }

  async notice(): Promise<void> {}

  /** Subjects in the order of delivery. */
  get subjects(): string[] {
    return this.mails.map((mail) => subjectOf(mail.raw));
  }

  /** What the core does when the account goes. */
  end(): void {
    this.#end.abort();
  }
}

export function subjectOf(raw: Uint8Array): string {
  return /^Subject: (.*?)\r?$/m.exec(Buffer.from(raw).toString("utf8"))?.[1] ?? "";
}
