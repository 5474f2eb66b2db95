// The body of an answer as a web stream: decoded, counted, and read no faster than it is wanted.
import type { IncomingMessage } from "node:http";
import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { BridgeError } from "#bridge";

/** Bytes that wait for the reader before the socket is paused. */
const readAhead = 64 * 1024;

const decoders: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
]);

/** Whether this body arrives in an encoding that `bodyOf` undoes: then its length is not the one in the head. */
export const isEncoded = (incoming: IncomingMessage): boolean => decoders.has(encodingOf(incoming));

const encodingOf = (incoming: IncomingMessage): string => incoming.headers["content-encoding"]?.toLowerCase() ?? "";

/**
 * The stream errors with BridgeError `reject` when more than `maxBytes` come out of it (an archive that unpacks to
 * gigabytes included), with `reasonOf(error)` when the connection breaks.
 */
export function bodyOf(
  incoming: IncomingMessage,
  maxBytes: number,
  reasonOf: (error: Error) => unknown,
): ReadableStream<Uint8Array> {
  const source = decoded(incoming);
  const tooLong = () =>
    new BridgeError("reject", `The answer is longer than the ${maxBytes} bytes that are allowed.`, {
      condition: "policy-violation",
    });
  let size = 0;
  let over = false;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        // The reason is made when it is needed: every body closes, and an error with its stack costs more than the body.
        const fail = (reason: () => unknown) => {
          if (over) return;
          over = true;
          controller.error(reason());
          source.destroy();
        };
        source.on("data", (chunk: Buffer) => {
          // What is buffered comes even after `destroy`.
          if (over) return;
          size += chunk.length;
          if (size > maxBytes) return fail(tooLong);
          controller.enqueue(chunk);
          if ((controller.desiredSize ?? 0) <= 0) source.pause();
        });
        source.on("end", () => {
          if (over) return;
          over = true;
          controller.close();
        });
        source.on("error", (error) => fail(() => reasonOf(error)));
        source.on("close", () => fail(() => reasonOf(new Error("the connection closed in the middle of the body"))));
        if (source === incoming && Number(incoming.headers["content-length"]) > maxBytes) fail(tooLong);
      },
      pull: () => void source.resume(),
      cancel() {
        over = true;
        source.destroy();
      },
    },
    { highWaterMark: readAhead, size: (chunk) => chunk.length },
  );
}

function decoded(incoming: IncomingMessage): Readable {
  const decoder = decoders.get(encodingOf(incoming))?.();
  // What goes wrong on either side reaches the reader as an error of the decoder.
  return decoder === undefined ? incoming : pipeline(incoming, decoder, () => {});
}
