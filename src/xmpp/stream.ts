// XEP-0114: one component stream, from the TCP connection to its end.
//
// A ComponentStream is used once; link.ts makes the next one. @xmpp/component-core is the base (socket wiring, header,
// footer); what is measured as a hazard in it is replaced here: decoding, parsing, writing, deadlines.
import { createHash } from "node:crypto";
import { Component } from "@xmpp/component-core";
import type { Clock, TimerHandle } from "../gateway/ports.ts";
import { Framer, type Frame, StreamFormatError } from "./framer.ts";
import { NS } from "./ns.ts";
import { attr, child, children, Element, el, serialize } from "./stanza.ts";
import { XmlReader } from "./xml-reader.ts";

/** Why a stream ended. `condition` is the one of the stream error, whoever sent it (RFC 6120 section 4.9.3). */
export interface StreamEnd {
  readonly reason: "closed" | "format" | "network" | "refused" | "stopped" | "timeout";
  readonly condition?: string;
  /** One sentence for the operator; never holds the secret or a stanza. */
  readonly detail: string;
}

export interface StreamLimits {
  /** For each of: TCP connection, stream header, handshake. */
  readonly stepTimeoutMs: number;
  readonly maxStanzaSize: number;
  readonly maxDepth: number;
}

export interface StreamOptions {
  /** The component's domain. */
  readonly jid: string;
  readonly secret: string;
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly limits: StreamLimits;
  /** The handshake is done. */
  readonly onOpen: () => void;
  /** A stanza; must not throw. */
  readonly onStanza: (stanza: Element) => void;
  /** The start of a stanza that was deeper than allowed; the rest of it was dropped. */
  readonly onTooDeep: (stanza: Element) => void;
  /** Bytes came: the peer lives. */
  readonly onInput: () => void;
  /** What waited to be written has gone. */
  readonly onDrain: () => void;
  /** Called once, last. */
  readonly onEnd: (end: StreamEnd) => void;
}

/** draining: we have closed our side and wait for the server's. closing: nothing is read any more. */
type Phase = "connecting" | "opening" | "handshake" | "open" | "draining" | "closing" | "ended";

const stepNames: Partial<Record<Phase, string>> = {
  connecting: "accept the connection",
  opening: "open the stream",
  handshake: "answer the handshake",
};

export class ComponentStream extends Component {
  readonly #options: StreamOptions;
  readonly #framer: Framer;
  readonly #reader = new XmlReader();
  #phase: Phase = "connecting";
  #deadline: TimerHandle | undefined;
  #paused = false;
  #pumping = false;
  /** The end is near: everything that has come is handed over, however busy the handlers are. */
  #lastCall = false;
  #out = "";
  #flushing: NodeJS.Immediate | undefined;
  #end: StreamEnd | undefined;
  #socketError: Error | undefined;

  constructor(options: StreamOptions) {
    super({ service: `xmpp://${options.host}:${options.port}`, domain: options.jid });
    this.#options = options;
    this.#framer = new Framer(options.limits);
    // Without a listener an "error" event ends the process.
    this.on("error", (error: Error) => {
      this.#socketError = error;
    });
    this.on("connect", () => this.#sendHeader());
    this.on("disconnect", () => this.#finished());
  }

  /** Begins to connect. Everything further comes through the callbacks. */
  begin(): void {
    const socket = new this.Socket();
    this._attachSocket(socket);
    // A character may lie across two TCP segments: decode the stream, not the chunk.
    socket.setEncoding("utf8");
    socket.setNoDelay(true);
    socket.on("drain", () => this.#options.onDrain());
    // The server has closed its half: nothing more can come, so close ours.
    socket.on("end", () => this.#abort({ reason: "closed", detail: "the server closed the connection" }));
    this.#enter("connecting");
    socket.connect({ host: this.#options.host, port: this.#options.port });
  }

  /** Characters and bytes that wait to be written. */
  get buffered(): number {
    return this.#out.length + (this.socket?.writableLength ?? 0);
  }

  /** Whether `write` does anything: false already while the end of the stream is being said. */
  get open(): boolean {
    return this.#phase === "open";
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Writes XML; what is written in one turn of the event loop goes out as one piece. False: the stream is not open. */
  write(xml: string): boolean {
    if (this.#phase !== "open") return false;
    this.#out += xml;
    this.#flushing ??= setImmediate(() => this.#flush());
    return true;
  }

  /** Stop reading: no more stanzas until `resume`. Those already received wait unparsed. */
  pause(): void {
    if (this.#lastCall) return;
    this.#paused = true;
    this.socket?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#pump();
    if (!this.#paused) this.socket?.resume();
  }

  /**
   * Closes politely (RFC 6120 section 4.4); after `timeoutMs` by force. What the server sent before it closed its side
   * still arrives: those stanzas are ours, nobody would send them again.
   */
  close(timeoutMs: number): void {
    if (this.#over) return;
    const end: StreamEnd = { reason: "stopped", detail: "the link was stopped" };
    if (this.#phase === "connecting") return this.#abort(end);
    this.#end = end;
    this.#flush();
    this.socket?.write(this.footer());
    this.#enter("draining");
    this.#deadline = this.#options.clock.setTimeout(() => this.#abort(end), timeoutMs);
    this.#stopPausing();
  }

  /** Ends the stream at once, whatever the peer does. */
  destroy(end: StreamEnd): void {
    this.#abort(end);
  }

  override _onData(data: string | Buffer): void {
    this.#options.onInput();
    if (this.#over) return;
    try {
      this.#framer.push(String(data));
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#pump();
  }

  /** Nothing that the bytes hold may leave here as an exception: it would end the process. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    let took = false;
    try {
      while (!this.#paused && !this.#over) {
        const frame = this.#framer.next();
        if (!frame) break;
        this.#onFrame(frame);
        took = true;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#pumping = false;
    }
    // White space between stanzas is nothing (RFC 6120 section 4.6.1), but it carries our TCP acknowledgement. A server
    // that leaves Nagle's algorithm on (Prosody's default) keeps the next stanza until that comes, 40 ms when we are
    // silent: so long would a message be in nobody's hands but the kernel's, and lost if we die.
    if (took) this.write(" ");
  }

  #onFrame(frame: Frame): void {
    switch (frame.kind) {
      case "open":
        return this.#onHeader(this.#reader.readStartTag(frame.xml));
      case "stanza":
        return this.#onTopElement(this.#reader.read(frame.xml, this.root ?? undefined));
      case "too-deep":
        return this.#options.onTooDeep(this.#reader.readStartTag(frame.startTag, this.root ?? undefined));
      case "close":
        return this.#sayGoodbye({ reason: "closed", detail: "the server closed the stream" }, "", closeTimeoutMs);
    }
  }

  get #over(): boolean {
    return this.#phase === "closing" || this.#phase === "ended";
  }

  #sendHeader(): void {
    const header = this.headerElement();
    header.attrs.to = this.#options.jid;
    this.#enter("opening");
    this.socket?.write(this.header(header));
  }

  #onHeader(header: Element): void {
    const id = attr(header, "id");
    if (this.#phase !== "opening" || !header.is("stream", NS.stream)) {
      throw new StreamFormatError("not-well-formed", "this is not the header of a component stream");
    }
    this.root = header;
    this.#enter("handshake");
    // A header without an id comes from a server that is about to say in a stream error what is wrong.
    if (id === undefined) return;
    // XEP-0114 section 3: SHA-1 over the bytes of stream id and secret. The library hashes them as Latin-1.
    const digest = createHash("sha1")
      .update(id + this.#options.secret, "utf8")
      .digest("hex");
    this.socket?.write(serialize(el("handshake", {}, digest)));
  }

  #onTopElement(element: Element): void {
    if (element.is("error", NS.stream)) return this.#onStreamError(element);
    if (this.#phase === "open" || this.#phase === "draining") return this.#options.onStanza(element);
    if (element.getName() !== "handshake")
      throw new StreamFormatError("not-well-formed", "the handshake was not answered");
    this.#enter("open");
    this.#options.onOpen();
  }

  #onStreamError(element: Element): void {
    const condition = children(element, undefined, NS.streamErrors)
      .find((node) => node.getName() !== "text")
      ?.getName();
    const text = child(element, "text", NS.streamErrors)?.getText().slice(0, 200);
    this.#sayGoodbye(
      {
        reason: "refused",
        condition: condition ?? "undefined-condition",
        detail: `the server ended the stream: ${condition ?? "undefined-condition"}${text ? ` (${text})` : ""}`,
      },
      "",
      closeTimeoutMs,
    );
  }

  #fail(error: unknown): void {
    const condition = error instanceof StreamFormatError ? error.condition : "internal-server-error";
    const detail = error instanceof Error ? error.message : "unknown";
    const xml = serialize(el("stream:error", { "xmlns:stream": NS.stream }, el(condition, { xmlns: NS.streamErrors })));
    this.#sayGoodbye({ reason: "format", condition, detail: `the stream was cut: ${detail}` }, xml, closeTimeoutMs);
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#options.clock.clearTimeout(this.#deadline);
    const step = stepNames[phase];
    if (step === undefined) return;
    const { stepTimeoutMs } = this.#options.limits;
    this.#deadline = this.#options.clock.setTimeout(() => {
      this.#abort({ reason: "timeout", detail: `the server did not ${step} within ${stepTimeoutMs} ms` });
    }, stepTimeoutMs);
  }

  /** Last words, end of stream, and the end of the connection when they are out or the time is over. */
  #sayGoodbye(end: StreamEnd, lastWords: string, timeoutMs: number): void {
    if (this.#over) return;
    const { socket } = this;
    const said = this.#phase === "draining";
    this.#end ??= end;
    this.#flush();
    this.#enter("closing");
    if (!socket) return;
    this.#deadline = this.#options.clock.setTimeout(() => this.#abort(end), timeoutMs);
    // Reading goes on (and is thrown away), or the peer's end would never be seen.
    socket.resume();
    socket.end(said ? "" : lastWords + this.footer());
  }

  #abort(end: StreamEnd): void {
    this.#end ??= end;
    this.socket?.destroy();
  }

  #stopPausing(): void {
    this.#lastCall = true;
    this.resume();
  }

  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const out = this.#out;
    this.#out = "";
    if (out !== "") this.socket?.write(out);
  }

  #finished(): void {
    if (this.#phase === "ended") return;
    // Stanzas that were received while reading was paused are not lost with the connection.
    if (!this.#over) this.#stopPausing();
    this.#enter("ended");
    clearImmediate(this.#flushing);
    this.#out = "";
    const cause = this.#socketError ? `: ${this.#socketError.message}` : "";
    this.#options.onEnd(this.#end ?? { reason: "network", detail: `the connection failed${cause}` });
  }
}

/** How long a peer may take to read the end of a broken stream. */
const closeTimeoutMs = 2000;
