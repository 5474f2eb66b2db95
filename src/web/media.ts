// GET and HEAD /files/<token>/<name>: a file of a message, streamed from its network to whoever has the link (security.md
// M19, H03 to H06). What is not ours, not any more, or not there is the same 404.
import type { FileContent, FileRange } from "#bridge";
import { BridgeError } from "#bridge";
import type { Clock } from "../gateway/ports.ts";
import type { FileReader } from "../gateway/web-ports.ts";
import { fileHeaders, readRange } from "./file-headers.ts";
import type { Links, SignedFile } from "./links.ts";
import { busy, createTurnstile } from "./turnstile.ts";

export interface MediaOptions {
  readonly links: Links;
  readonly files: FileReader;
  readonly clock: Clock;
}

/** `token` as it stands in the path. Throws what `openFile` throws besides BridgeError. */
export type MediaHandler = (token: string, request: Request) => Promise<Response | undefined>;

/** Downloads under way, and those of one message: a link that got around must not shut out the others. */
const most = 64;
const mostPerMessage = 8;
/** Seconds until asking again makes sense. */
const pause = 30;
/** Milliseconds for the network to begin. */
const openTimeout = 30_000;
/** Milliseconds for everything: a reader may be slow, but not for ever. */
const longest = 60 * 60_000;

export function createMedia({ links, files, clock }: MediaOptions): MediaHandler {
  const enter = createTurnstile({ most, mostPerName: mostPerMessage });

  return async (token, request) => {
    const file = links.verify(token, clock.now());
    if (file === undefined) return undefined;
    const leave = enter(file.key);
    if (leave === undefined) return busy(pause);
    const stop = new AbortController();
    const end = () => {
      clock.clearTimeout(timer);
      leave();
    };
    const late = () => stop.abort(new Error("a download took too long"));
    let timer = clock.setTimeout(late, openTimeout);
    try {
      const answer = await open(file, request, AbortSignal.any([stop.signal, request.signal]));
      if (answer?.body) {
        clock.clearTimeout(timer);
        timer = clock.setTimeout(late, longest);
        return new Response(watched(answer.body, answer.length, stop.signal, end), answer);
      }
      end();
      return answer && new Response(null, answer);
    } catch (error) {
      end();
      if (error instanceof BridgeError) return error.kind === "reject" ? undefined : busy(pause);
      // Too late, or nobody there any more to be told.
      if (stop.signal.aborted || request.signal.aborted) return busy(pause);
      throw error;
    }
  };

  async function open(file: SignedFile, request: Request, signal: AbortSignal): Promise<Answer | undefined> {
    // Nothing here has a validator, so an If-Range never matches: the whole file then (RFC 9110 section 13.1.5).
    const { headers, method } = request;
    const range = headers.has("if-range") ? undefined : readRange(headers.get("range") ?? undefined);
    const isHead = method === "HEAD";
    const work = files.open(file.key, file.position, isHead ? { start: 0, end: 0 } : range, signal);
    const opened = await unlessAborted(work, signal, (late) => void late?.content.body.cancel().catch(() => {}));
    if (opened === undefined) return undefined;
    const { content, name } = opened;
    const answer = answerFor(content, name, isHead ? undefined : range);
    if (!isHead && answer.status !== 416) return { ...answer, body: content.body };
    // The bytes are not wanted; that they could not be given back is no trouble of the one who asks.
    content.body.cancel().catch(() => {});
    return answer;
  }
}

/** The result, or a rejection at once when the signal says so: then `discard` gets what comes all the same. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, discard: (late: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason);
      work.then(discard, () => {});
    };
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body?: ReadableStream<Uint8Array>;
  /** What `body` must have, in bytes. */
  readonly length?: number;
}

/** The head for what the bridge has opened. */
function answerFor(content: FileContent, name: string, wanted: FileRange | undefined): Answer {
  const headers = fileHeaders(content.type, name);
  const { size, range } = content;
  if (wanted && size !== undefined && wanted.start >= size)
    return { status: 416, headers: { ...headers, "content-range": `bytes */${size}` } };
  if (wanted && range) {
    const length = range.end - range.start + 1;
    const extent = `bytes ${range.start}-${range.end}/${size ?? "*"}`;
    return { status: 206, headers: { ...headers, "content-range": extent, "content-length": String(length) }, length };
  }
  if (size === undefined) return { status: 200, headers };
  return { status: 200, headers: { ...headers, "content-length": String(size) }, length: size };
}

/**
 * The body, held to its length: one byte more would be read as the head of the next answer on a kept connection. Calls
 * `end` once, however it ends.
 */
function watched(
  body: ReadableStream<Uint8Array>,
  length: number | undefined,
  stop: AbortSignal,
  end: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let sent = 0;
  let ended = false;
  const finish = () => {
    if (!ended) end();
    ended = true;
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const onStop = () => {
        finish();
        controller.error(stop.reason);
        reader.cancel(stop.reason).catch(() => {});
      };
      stop.addEventListener("abort", onStop, { once: true });
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (ended) return;
        sent += value?.length ?? 0;
        if (length !== undefined && (done ? sent !== length : sent > length)) {
          throw new Error(`a file has ${done ? sent : "more"} bytes, not the ${length} that were announced`);
        }
        if (!done) return controller.enqueue(value);
        finish();
        controller.close();
      } catch (error) {
        finish();
        reader.cancel(error).catch(() => {});
        throw error;
      }
    },
    cancel(reason) {
      finish();
      return reader.cancel(reason);
    },
  });
}
