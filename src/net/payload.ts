// What a request carries, in the shape node:http takes.
import { Readable } from "node:stream";

export interface Payload {
  /** Can be sent again, on a redirect or a new connection. */
  readonly bytes?: Uint8Array;
  /** Can be sent once. */
  readonly stream?: Readable;
  /** Of the stream, where it is known. */
  readonly length?: number;
  /** The Content-Type that fetch gives it by itself. */
  readonly type?: string;
}

/** As fetch takes bodies (https://fetch.spec.whatwg.org/#concept-bodyinit-extract). */
export function payloadOf(body: RequestInit["body"]): Payload {
  if (body === undefined || body === null) return {};
  if (typeof body === "string") return { bytes: Buffer.from(body), type: "text/plain;charset=UTF-8" };
  if (body instanceof Uint8Array) return { bytes: body };
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body) };
  const carrier = new Response(body);
  const type = carrier.headers.get("content-type");
  const stream = carrier.body === null ? Readable.from([]) : Readable.fromWeb(carrier.body);
  return {
    stream,
    // Synapse refuses uploads of unknown length.
    ...(body instanceof Blob ? { length: body.size } : {}),
    ...(type === null ? {} : { type }),
  };
}
