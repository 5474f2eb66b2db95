// What this session sent, as the sync shows it: our own echoes are not news, but they answer a send whose own answer was
// lost.

/** Transaction ids of the core's messages: the key, and a suffix where one message becomes several requests. */
const ours = /^[0-9a-v]{26}(?:\.[a-z]{1,10})?$/;

/** More lost answers than this are not waiting for a retry at one time. */
const mostKept = 500;

export class SentEvents {
  readonly #byTransaction = new Map<string, string>();
  readonly #read = new Set<string>();

  /** Whether this bridge made the transaction id. A token that was pasted shares its device with another client. */
  isOurs(transaction: string | undefined): transaction is string {
    return transaction !== undefined && ours.test(transaction);
  }

  /** An echo came. */
  note(transaction: string, eventId: string): void {
    this.#byTransaction.delete(transaction);
    this.#byTransaction.set(transaction, eventId);
    for (const oldest of this.#byTransaction.keys()) {
      if (this.#byTransaction.size <= mostKept) break;
      this.#byTransaction.delete(oldest);
    }
  }

  /** The user reads up to there with a client of ours: the receipt comes back. */
  noteRead(eventId: string): void {
    this.#read.delete(eventId);
    this.#read.add(eventId);
    for (const oldest of this.#read) {
      if (this.#read.size <= mostKept) break;
      this.#read.delete(oldest);
    }
  }

  isOwnReading(eventId: string): boolean {
    return this.#read.has(eventId);
  }

  /** The event that a transaction became, if its echo came. */
  find(transaction: string): string | undefined {
    return this.#byTransaction.get(transaction);
  }
}
