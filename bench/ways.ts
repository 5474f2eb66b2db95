// One way that messages can take, with or without the gateway on it: sent at one end, seen at the other.

export interface Way {
  /** Says a text in one of the conversations; resolves when the next one may be said there. */
  readonly send: (conversation: number, text: string) => unknown;
  /** Who waits for a text to be seen at the other end. */
  readonly waiting: Map<string, () => void>;
}

const patience = 60_000;
let texts = 0;

/** Milliseconds until `send` resolved, and until the text was seen. */
export async function sendOne(way: Way): Promise<{ readonly sentMs: number; readonly seenMs: number }> {
  const text = `text ${texts++} and a few words more, as people write them`;
  const started = performance.now();
  const seen = seenAt(way, text);
  await way.send(0, text);
  const sentMs = performance.now() - started;
  await seen;
  return { sentMs, seenMs: performance.now() - started };
}

/** `count` texts, in each conversation one after the other, all conversations at once. Milliseconds until all were seen. */
export async function burst(way: Way, count: number, conversations: number): Promise<number> {
  const started = performance.now();
  await Promise.all(
    Array.from({ length: conversations }, async (_, conversation) => {
      const seen: Promise<void>[] = [];
      for (let at = conversation; at < count; at += conversations) {
        const text = `text ${texts++} of a burst, with a line of text`;
        seen.push(seenAt(way, text));
        await way.send(conversation, text);
      }
      await Promise.all(seen);
    }),
  );
  return performance.now() - started;
}

/** What a watcher of the other end calls with each text. */
export const seenOn = (waiting: Way["waiting"]) => (text: string) => {
  waiting.get(text)?.();
  waiting.delete(text);
};

function seenAt(way: Way, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`"${text}" was not seen in ${patience} ms`)), patience);
    way.waiting.set(text, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
