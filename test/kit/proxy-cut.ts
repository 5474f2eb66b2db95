// When to cut a connection: after a number of bytes, or at a pattern that may be split over any number of chunks.

/** From the client's side: up is what the client sends. */
export type Direction = "up" | "down";

export interface CutOptions {
  /** Whether the receiver still gets the bytes that trigger the cut. Default true. */
  readonly forward?: boolean;
}

export interface CutRule {
  readonly direction: Direction;
  /**
   * How many bytes of the chunk may still pass before the cut, or undefined for no cut. `before` is what passed just
   * ahead of the chunk on the same connection.
   */
  at(before: Buffer, chunk: Buffer): number | undefined;
  readonly fired: () => void;
}

/** How much of what passed a pipe has to remember for `at`. */
export const rememberedBytes = 1024;

export function createCutRule(
  what: string | Uint8Array | number,
  direction: Direction,
  { forward = true }: CutOptions = {},
): { rule: CutRule; done: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const at = typeof what === "number" ? afterBytes(what) : afterPattern(Buffer.from(what), forward);
  return { rule: { direction, at, fired: resolve }, done: promise };
}

function afterBytes(limit: number): CutRule["at"] {
  let passed = 0;
  return (_before, chunk) => {
    const left = limit - passed;
    passed += chunk.length;
    return chunk.length >= left ? left : undefined;
  };
}

function afterPattern(pattern: Buffer, forward: boolean): CutRule["at"] {
  if (pattern.length === 0 || pattern.length > rememberedBytes)
    throw new Error(`a pattern has 1 to ${rememberedBytes} bytes`);
  return (before, chunk) => {
    // Only as much of the past as a pattern that ends in this chunk can reach into.
    const past = before.subarray(Math.max(0, before.length - pattern.length + 1));
    const index = Buffer.concat([past, chunk]).indexOf(pattern);
    if (index < 0) return undefined;
    return Math.max(0, index - past.length + (forward ? pattern.length : 0));
  };
}
