// Bodies of requests, cut where they are longer than anybody needs.
export class BodyTooLarge extends Error {}

/** The body breaks off behind `most` bytes. Nothing is read before somebody wants it: who is asking is looked at first. */
export function upTo(most: number, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  let size = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        size += chunk.length;
        if (size > most) controller.error(new BodyTooLarge("the body is too large"));
        else controller.enqueue(chunk);
      },
    }),
  );
}
