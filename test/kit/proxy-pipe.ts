// One direction of one proxied connection: takes chunks, applies the faults of the moment, writes them on in order.
import type { Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type CutRule, type Direction, rememberedBytes } from "./proxy-cut.ts";

export interface Faults {
  /** Segment sizes, smallest and largest. */
  slice: readonly [number, number] | undefined;
  delayMs: number;
  readonly rules: ReadonlySet<CutRule>;
}

export interface PipeOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly direction: Direction;
  /** Something to wait for while the connection is in a black hole. */
  readonly gate: () => Promise<void> | undefined;
  readonly faults: Faults;
  readonly count: (bytes: number) => void;
}

/** What comes in while nothing goes out; beyond it the sender is no longer read. */
const heldBytes = 1024 * 1024;

type Item = { readonly due: number } & ({ readonly chunk: Buffer } | { readonly end: "fin" | "rst" });

export function pipe({ from, to, direction, gate, faults, count }: PipeOptions): void {
  const queue: Item[] = [];
  let queued = 0;
  let running = false;
  let passed: Buffer = Buffer.alloc(0);

  const write = async (bytes: Buffer): Promise<void> => {
    count(bytes.length);
    if (!to.destroyed && !to.write(bytes)) await Promise.race([once(to, "drain"), once(to, "close")]);
  };

  const forward = async (chunk: Buffer): Promise<void> => {
    for (let offset = 0; offset < chunk.length; ) {
      if (gate()) await gate();
      const size = faults.slice ? between(...faults.slice) : chunk.length;
      await write(chunk.subarray(offset, offset + size));
      offset += size;
      if (faults.slice) await nextTurn(); // gives the receiver a chance to read the segments one by one
    }
  };

  const cutIfDue = async (chunk: Buffer): Promise<boolean> => {
    for (const rule of faults.rules) {
      if (rule.direction !== direction) continue;
      const length = rule.at(passed, chunk);
      if (length === undefined) continue;
      await forward(chunk.subarray(0, length));
      from.resetAndDestroy();
      endGently(to);
      rule.fired();
      return true;
    }
    passed = Buffer.concat([passed, chunk]).subarray(-rememberedBytes);
    return false;
  };

  const run = async (): Promise<void> => {
    running = true;
    for (let item = queue.shift(); item; item = queue.shift()) {
      const early = item.due - Date.now();
      if (early > 0) await sleep(early);
      if (gate()) await gate();
      if ("end" in item) {
        if (item.end === "fin") to.end();
        else to.resetAndDestroy();
        continue;
      }
      queued -= item.chunk.length;
      if (queued <= heldBytes) from.resume();
      if (await cutIfDue(item.chunk)) break;
      await forward(item.chunk);
    }
    running = false;
  };
  const push = (item: Item): void => {
    queue.push(item);
    if (!running) void run();
  };

  from.on("data", (chunk: Buffer) => {
    queued += chunk.length;
    if (queued > heldBytes) from.pause();
    push({ chunk, due: Date.now() + faults.delayMs });
  });
  from.on("end", () => push({ end: "fin", due: Date.now() + faults.delayMs }));
  from.on("error", () => push({ end: "rst", due: 0 }));
}

/** FIN, so that the receiver reads all that was written: RST could overtake it. Then gone. */
function endGently(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), 200);
  socket.once("close", () => clearTimeout(timer));
}

const between = (least: number, most: number): number => least + Math.floor(Math.random() * (most - least + 1));

const once = (socket: Socket, event: "drain" | "close"): Promise<void> =>
  new Promise((resolve) => socket.once(event, () => resolve()));
