// How many things may be under way at once, over all and for one name.
export interface TurnstileOptions {
  readonly most: number;
  readonly mostPerName: number;
}

/** Returns what lets go, to be called once; undefined when there is no room. */
export type Turnstile = (name: string) => (() => void) | undefined;

/** For those who stay outside. The connection closes: a thousand of them must not keep others from connecting. */
export const busy = (seconds: number): Response =>
  new Response("busy\n", { status: 503, headers: { "retry-after": String(seconds), connection: "close" } });

export function createTurnstile({ most, mostPerName }: TurnstileOptions): Turnstile {
  const inside = new Map<string, number>();
  let total = 0;
  return (name) => {
    const count = inside.get(name) ?? 0;
    if (total >= most || count >= mostPerName) return undefined;
    total++;
    inside.set(name, count + 1);
    return () => {
      total--;
      const left = (inside.get(name) ?? 1) - 1;
      if (left === 0) inside.delete(name);
      else inside.set(name, left);
    };
  };
}
