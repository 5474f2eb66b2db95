// Our end of the component stream (XEP-0114): keeps one stream up, proved and watched, for as long as it is started.
//
//   down -> connecting -> probing -> up -> down ...      each step has a deadline; between attempts: jittered backoff
import type { TimerHandle } from "../gateway/ports.ts";
import { type Backoff, createBackoff } from "./backoff.ts";
import { IqTracker } from "./iq.ts";
import {
  defaultLinkLimits,
  explain,
  LinkDownError,
  type LinkLimits,
  type LinkOptions,
  type LinkState,
  splitText,
} from "./link-options.ts";
import { NS } from "./ns.ts";
import { SelfProbe } from "./self-probe.ts";
import { Silence } from "./silence.ts";
import { attr, type Element, el, serialize } from "./stanza.ts";
import { stanzaError } from "./stanza-error.ts";
import { ComponentStream, type StreamEnd } from "./stream.ts";

export { LinkDownError, type LinkLimits, type LinkOptions, type LinkState } from "./link-options.ts";

/** How to learn that the server has handled what we wrote. */
type PingMethod = "iq" | "loopback";

/** Stanzas kept while the stream is proved; beyond that they are handed over although nothing can be answered yet. */
const maxHeld = 10_000;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Link {
  /** Requests to anybody; rejects all that are open when the stream is lost. */
  readonly iq: IqTracker;
  readonly #options: LinkOptions;
  readonly #limits: LinkLimits;
  readonly #serverDomain: string;
  readonly #probe: SelfProbe;
  readonly #backoff: Backoff;
  readonly #silence: Silence;
  readonly #log: { readonly component: string };
  #state: LinkState = "down";
  #stream: ComponentStream | undefined;
  #running: Promise<void> | undefined;
  #stopping = false;
  #wake: (() => void) | undefined;
  #pingMethod: PingMethod = "iq";
  #inFlight = 0;
  /** Came while the stream was being proved: nothing could be answered yet. */
  #held: Element[] = [];
  #waiters: Waiter[] = [];
  #stable: TimerHandle | undefined;
  #nextProbe: TimerHandle | undefined;

  constructor(options: LinkOptions) {
    const { jid, clock, random } = options;
    const parent = jid.slice(jid.indexOf(".") + 1);
    const send = (stanza: Element): void => this.#write(serialize(stanza));
    this.#options = options;
    this.#limits = { ...defaultLinkLimits, ...options.limits };
    this.#serverDomain = options.serverDomain ?? parent;
    this.#log = { component: jid };
    this.#backoff = createBackoff(random ? { random } : {});
    this.#probe = new SelfProbe({ jid, send, clock });
    this.iq = new IqTracker({ jid, send, clock });
    this.#silence = new Silence({
      clock,
      idleMs: this.#limits.idleMs,
      deadMs: this.#limits.deadMs,
      paused: () => this.#stream?.paused ?? false,
      ping: () => void this.ping().catch(() => undefined), // what comes of it shows in the silence
      onDead: (ms) => this.#stream?.destroy({ reason: "timeout", detail: `the server was silent for ${ms} ms` }),
    });
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Up, and the socket takes more. Wait for `drained` when it is false. */
  get writable(): boolean {
    const stream = this.#stream;
    return this.#state === "up" && stream !== undefined && stream.open && stream.buffered < this.#limits.maxBuffered;
  }

  /** Begins to connect and goes on until `stop`. */
  start(): void {
    if (this.#running) return;
    if (!isLoopback(this.#options.host)) {
      // XEP-0114 knows no TLS; its SHA-1 handshake protects the secret badly and the messages not at all (X32).
      this.#options.log.warn(
        this.#log,
        "the XMPP server is not on this machine and the component stream is not encrypted",
      );
    }
    this.#stopping = false;
    this.#running = this.#run();
  }

  /** Closes the stream politely, within 2 s. The link can be started again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    this.#stream?.close(2000);
    await this.#running;
    this.#running = undefined;
  }

  /** Writes a stanza. Throws LinkDownError, or StanzaWriteError for an element that cannot be written. Returns `writable`. */
  send(stanza: Element | string): boolean {
    if (this.#state !== "up") throw new LinkDownError("the component stream is down");
    this.#write(typeof stanza === "string" ? stanza : serialize(stanza));
    return this.writable;
  }

  /** Resolves when the link is writable; rejects with LinkDownError when it goes down. */
  drained(): Promise<void> {
    if (this.writable) return Promise.resolve();
    if (this.#state !== "up") return Promise.reject(new LinkDownError("the component stream is down"));
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /**
   * Resolves when the server has handled everything written before: its answer to an XEP-0199 ping on the same stream,
   * or, where the server does not answer a component's pings, our own message come back. Rejects when the stream ends
   * without. A server that is only slow, or has much to say first, takes the time it needs.
   */
  async ping(): Promise<void> {
    const stream = this.#stream;
    if (this.#state !== "up" || stream === undefined) throw new LinkDownError("the component stream is down");
    try {
      await this.#silence.owes(this.#answered(this.#limits.answerMs));
    } catch (error) {
      // What was written may still be taken: nothing of it may be written again on this stream.
      if (this.#stream === stream && stream.open) {
        const detail = `the server did not answer a ping within ${this.#limits.answerMs} ms`;
        stream.destroy({ reason: "timeout", detail });
      }
      throw error;
    }
  }

  async #answered(timeoutMs: number): Promise<void> {
    // While reading is stopped the answer may lie in front of us.
    const again = () => this.#stream?.paused ?? false;
    if (this.#pingMethod === "iq") {
      await this.iq.request(this.#serverDomain, el("ping", { xmlns: NS.ping }), { timeoutMs, anyAnswer: true, again });
      return;
    }
    while ((await this.#probe.run(1, timeoutMs)) < 1)
      if (!again()) throw new LinkDownError("the server did not return our message");
  }

  #write(xml: string): void {
    if (!this.#stream?.write(xml)) throw new LinkDownError("the component stream is down");
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const end = await this.#connect();
      this.#onEnd(end);
      if (!this.#stopping)
        await this.#sleep(end.condition === "not-authorized" ? this.#limits.badSecretRetryMs : this.#backoff.next());
    }
  }

  #connect(): Promise<StreamEnd> {
    this.#setState("connecting");
    return new Promise((resolve) => {
      const stream = new ComponentStream({
        ...this.#options,
        limits: this.#limits,
        onOpen: () => {
          this.#prove(stream).catch((error: unknown) => {
            stream.destroy({ reason: "network", detail: `the stream could not be proved: ${String(error)}` });
          });
        },
        onStanza: (stanza) => this.#onStanza(stanza),
        onTooDeep: (start) => this.#onTooDeep(start),
        onInput: () => this.#silence.heard(),
        onDrain: () => this.#onDrain(),
        onEnd: resolve,
      });
      this.#stream = stream;
      stream.begin();
    });
  }

  /** Everything sent to us must come back on this stream before anybody relies on it. */
  async #prove(stream: ComponentStream): Promise<void> {
    const { probeCount, probeTimeoutMs } = this.#limits;
    this.#setState("probing");
    const request = { timeoutMs: probeTimeoutMs, anyAnswer: true };
    const pong = this.iq.request(this.#serverDomain, el("ping", { xmlns: NS.ping }), request).then(
      () => true,
      () => false,
    );
    const returned = await this.#probe.run(probeCount, probeTimeoutMs);
    if (this.#stream !== stream || this.#state !== "probing") return;
    if (returned < probeCount) {
      const detail = splitText(returned, probeCount);
      this.#alarm(detail);
      stream.destroy({ reason: "refused", detail });
      return;
    }
    // The ping went first: an answer that is not here by now will hardly come (ejabberd 24.12 with mod_privilege drops it).
    const answered = await Promise.race([pong, this.#after(1000).then(() => false)]);
    if (this.#stream !== stream || this.#state !== "probing") return;
    this.#pingMethod = answered || probeCount === 0 ? "iq" : "loopback";
    if (!answered) this.#options.log.warn(this.#log, "the XMPP server does not answer pings of the component");
    this.#setState("up");
    // The steps before "up" have deadlines of their own.
    this.#silence.start();
    this.#stable = this.#options.clock.setTimeout(() => this.#backoff.reset(), this.#limits.stableMs);
    this.#scheduleProbe(stream);
    this.#releaseHeld();
  }

  #scheduleProbe(stream: ComponentStream): void {
    const { probeCount, probeTimeoutMs, probeEveryMs } = this.#limits;
    if (probeCount === 0) return;
    this.#nextProbe = this.#options.clock.setTimeout(() => {
      if (stream.paused) return this.#scheduleProbe(stream);
      this.#probe
        .run(probeCount, probeTimeoutMs)
        .then((returned) => {
          if (this.#stream !== stream || this.#state !== "up") return;
          // While reading was stopped nothing could return: that is our own doing.
          if (returned < probeCount && !stream.paused) this.#alarm(splitText(returned, probeCount));
          this.#scheduleProbe(stream);
        })
        .catch(() => undefined); // the stream is just ending: the next one proves itself
    }, probeEveryMs);
  }

  #onStanza(stanza: Element): void {
    const type = attr(stanza, "type");
    if (stanza.name === "iq" && (type === "result" || type === "error")) {
      if (!this.iq.handle(stanza)) this.#options.log.debug(this.#log, "an answer that nobody asked for was dropped");
      return;
    }
    const probe = this.#probe.handle(stanza);
    if (probe === "foreign") this.#alarm("another process sends as this component: is a second Viaduct running?");
    if (probe !== undefined) return;
    if (this.#state !== "probing") return this.#handOver(stanza);
    if (this.#held.length >= maxHeld) this.#releaseHeld();
    this.#held.push(stanza);
  }

  #releaseHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const stanza of held) this.#handOver(stanza);
  }

  /** The top of every stanza handler: whatever it throws ends here. */
  #handOver(stanza: Element): void {
    const failed = (error: unknown): void =>
      this.#options.log.error(
        { ...this.#log, error: error instanceof Error ? error.name : "unknown" },
        "a stanza handler failed",
      );
    try {
      const done = this.#options.onStanza(stanza);
      if (done === undefined) return;
      this.#inFlight++;
      done
        .catch(failed)
        .finally(() => this.#settled())
        .catch(failed);
    } catch (error) {
      failed(error);
    }
    if (this.#inFlight >= this.#limits.maxInFlight) this.#stream?.pause();
  }

  #settled(): void {
    this.#inFlight--;
    // Half of the mark, so that the socket is not switched on and off for every stanza.
    if (this.#inFlight <= this.#limits.maxInFlight / 2) this.#stream?.resume();
  }

  #onTooDeep(start: Element): void {
    this.#options.log.warn({ ...this.#log, stanza: start.name }, "a stanza that was nested too deeply was dropped");
    const answer = stanzaError(start, "not-acceptable", "The stanza is nested too deeply.");
    if (answer && start.name !== "presence")
      this.#try("an error could not be sent", () => this.#write(serialize(answer)));
  }

  #onDrain(): void {
    if (!this.writable) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  #onEnd(end: StreamEnd): void {
    const { clock, log } = this.#options;
    this.#silence.stop();
    for (const timer of [this.#stable, this.#nextProbe]) clock.clearTimeout(timer);
    const fields = { ...this.#log, reason: end.reason, condition: end.condition };
    if (end.reason !== "stopped")
      log[end.condition === "not-authorized" ? "error" : "warn"](fields, explain(end, this.#options.jid));
    this.#stream = undefined;
    const error = new LinkDownError(end.detail);
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#setState("down", explain(end, this.#options.jid));
    this.#probe.reset();
    this.iq.reset(error);
    for (const waiter of waiters) waiter.reject(error);
    // Nobody would send these again: they are handed over although they cannot be answered.
    this.#releaseHeld();
  }

  #setState(state: LinkState, detail?: string): void {
    this.#state = state;
    if (state === "up") this.#options.log.info(this.#log, "the component stream is up");
    this.#try("onState failed", () => this.#options.onState?.(state, detail));
  }

  #alarm(text: string): void {
    this.#options.log.error(this.#log, text);
    this.#try("onAlarm failed", () => this.#options.onAlarm?.(text));
  }

  /** For what must not end the stream or the process when it throws. */
  #try(failed: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.log.error({ ...this.#log, error: error instanceof Error ? error.name : "unknown" }, failed);
    }
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.setTimeout(resolve, ms));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimeout(resolve, ms);
      this.#wake = () => {
        this.#options.clock.clearTimeout(timer);
        resolve();
      };
    });
  }
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");
