// A few SMTP connections to one server, opened when there is something to send and closed when there is not. Nodemailer's
// own pool sends a mail again by itself when its connection breaks, also after the final dot: only the lane may decide that.
import { SmtpFailure, type SmtpClient, type SmtpMail, type SmtpReceipt } from "./smtp-client.ts";

export interface SmtpPoolOptions {
  /** A new connection, signed in. */
  readonly open: (signal: AbortSignal) => Promise<SmtpClient>;
  readonly maxConnections: number;
  /** Milliseconds without work after which a connection is closed. */
  readonly idle: number;
}

/** How long a mail under way may go on when the pool is closed (ms). */
const closingGrace = 2000;

export class SmtpPool {
  readonly #options: SmtpPoolOptions;
  readonly #stop = new AbortController();
  readonly #free: { readonly client: SmtpClient; readonly timer: NodeJS.Timeout }[] = [];
  readonly #busy = new Set<SmtpClient>();
  readonly #waiting: { readonly enter: () => void; readonly fail: (error: Error) => void }[] = [];
  #taken = 0;

  constructor(options: SmtpPoolOptions) {
    this.#options = options;
  }

  /** Send one mail over a free connection. @throws SmtpFailure, BridgeError, or what opening a connection throws. */
  async send(mail: SmtpMail): Promise<SmtpReceipt> {
    await this.#enter();
    try {
      for (;;) {
        const kept = this.#take();
        try {
          return await this.#sendOver(kept ?? (await this.#options.open(this.#stop.signal)), mail);
        } catch (error) {
          // A kept connection that the server had dropped meanwhile says nothing about the mail.
          const stale = kept !== undefined && error instanceof SmtpFailure && !error.answered && !error.begun;
          if (!stale || this.#stop.signal.aborted) throw error;
        }
      }
    } finally {
      this.#leave();
    }
  }

  /** Close the idle connections now and busy ones after a moment. What still waits fails. */
  async close(): Promise<void> {
    this.#stop.abort();
    for (const { client, timer } of this.#free.splice(0)) {
      clearTimeout(timer);
      client.quit();
    }
    for (const { fail } of this.#waiting.splice(0)) fail(new SmtpFailure(new Error("closing"), false));
    const end = Date.now() + closingGrace;
    while (this.#taken > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const client of this.#busy) client.destroy();
  }

  async #sendOver(client: SmtpClient, mail: SmtpMail): Promise<SmtpReceipt> {
    this.#busy.add(client);
    try {
      return await client.send(mail);
    } finally {
      this.#busy.delete(client);
      this.#give(client);
    }
  }

  /** Whoever leaves passes the place on, so `#taken` counts those inside and never those who wait. */
  async #enter(): Promise<void> {
    if (this.#stop.signal.aborted) throw new SmtpFailure(new Error("closed"), false);
    if (this.#taken < this.#options.maxConnections) {
      this.#taken += 1;
      return;
    }
    await new Promise<void>((enter, fail) => this.#waiting.push({ enter, fail }));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next.enter();
  }

  #take(): SmtpClient | undefined {
    for (let kept = this.#free.pop(); kept !== undefined; kept = this.#free.pop()) {
      clearTimeout(kept.timer);
      if (kept.client.usable) return kept.client;
      kept.client.destroy();
    }
    return undefined;
  }

  #give(client: SmtpClient): void {
    if (!client.usable || this.#stop.signal.aborted) return client.quit();
    const timer = setTimeout(() => {
      const index = this.#free.findIndex((entry) => entry.client === client);
      if (index >= 0) this.#free.splice(index, 1);
      client.quit();
    }, this.#options.idle);
    timer.unref();
    this.#free.push({ client, timer });
  }
}
