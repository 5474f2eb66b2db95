// The server's own ceiling, and round trips through the gateway.
import { rawClient, rawComponent } from "./raw-client.ts";

const warmUp = 500;

/** Messages per second from a raw client to a raw component, one way, nothing behind it. */
export async function ceiling(c2sPort: number, componentPort: number, jid: string, count: number): Promise<number> {
  const component = await rawComponent(componentPort, jid, "secret");
  const client = await rawClient(c2sPort, "alice", "pw");
  const run = (n: number) =>
    new Promise<number>((resolve) => {
      let got = 0;
      let tail = "";
      const started = performance.now();
      component.onText = (text) => {
        const all = tail + text;
        got += all.split("</message>").length - 1;
        tail = all.slice(all.lastIndexOf("</message>") + 10).slice(-10);
        if (all.endsWith("</message>")) tail = "";
        if (got >= n) resolve(performance.now() - started);
      };
      for (let at = 0; at < n; at++)
        client.write(`<message to='bench@${jid}' type='chat' id='c${at}'><body>b${at}</body></message>`);
    });
  await run(warmUp);
  const ms = await run(count);
  client.close();
  component.close();
  return (count / ms) * 1000;
}

export interface Shape {
  readonly count: number;
  /** Messages without an answer at any time. */
  readonly window: number;
  readonly conversations: number;
}

export interface RoundTrips {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** CPU of what answered, in milliseconds a round trip. */
  readonly cpuMs: number;
}

/**
 * The same round trips with a raw component that answers at once, keeps nothing and promises nothing: what client and
 * server leave to any gateway at this window.
 */
export async function rawEcho(c2sPort: number, componentPort: number, jid: string, shape: Shape): Promise<RoundTrips> {
  const component = await rawComponent(componentPort, jid, "secret");
  let rest = "";
  component.onText = (text) => {
    const all = rest + text;
    let answers = "";
    let position = 0;
    for (const match of all.matchAll(/<message([^>]*)>.*?<body>(.*?)<\/body>.*?<\/message>/g)) {
      position = match.index + match[0].length;
      const [, attributes = "", body = ""] = match;
      const value = (name: string) => new RegExp(`\\b${name}=['"]([^'"]+)`).exec(attributes)?.[1] ?? "";
      const to = value("from").split("/")[0];
      answers += `<message from='${value("to")}' to='${to}' type='chat' id='e${body}'><body>${body}</body></message>`;
    }
    rest = all.slice(position);
    if (answers !== "") component.write(answers);
  };
  try {
    return await roundTrips(c2sPort, jid, async () => 0, shape);
  } finally {
    component.close();
  }
}

/** Sends `count` messages with at most `window` unanswered, spread over `conversations`; waits for every answer. */
export async function roundTrips(
  c2sPort: number,
  jid: string,
  cpuMs: () => Promise<number>,
  shape: Shape,
): Promise<RoundTrips> {
  const client = await rawClient(c2sPort, "alice", "pw");
  const run = async (count: number, offset: number) => {
    const sentAt = new Float64Array(count);
    const took = new Float64Array(count);
    let next = 0;
    let done = 0;
    const send = () => {
      const at = next++;
      sentAt[at] = performance.now();
      client.write(
        `<message to='c${at % shape.conversations}@${jid}' type='chat' id='r${offset + at}'><body>b${offset + at}</body></message>`,
      );
    };
    const started = performance.now();
    await new Promise<void>((resolve) => {
      let rest = "";
      client.onText = (text) => {
        const all = rest + text;
        const now = performance.now();
        let position = 0;
        for (const match of all.matchAll(/<body>b(\d+)<\/body>/g)) {
          position = match.index + match[0].length;
          const at = Number(match[1]) - offset;
          if (at < 0 || at >= count) continue;
          took[at] = now - (sentAt[at] ?? 0);
          done++;
          if (next < count) send();
        }
        rest = all.slice(Math.max(position, all.length - 40));
        if (done >= count) resolve();
      };
      while (next < Math.min(shape.window, count)) send();
    });
    return { ms: performance.now() - started, took };
  };
  await run(warmUp, 1_000_000_000);
  const before = await cpuMs();
  const { ms, took } = await run(shape.count, 0);
  const after = await cpuMs();
  client.close();
  took.sort();
  return {
    perSecond: (shape.count / ms) * 1000,
    p50: took[Math.floor(shape.count * 0.5)] ?? 0,
    p99: took[Math.floor(shape.count * 0.99)] ?? 0,
    cpuMs: (after - before) / shape.count,
  };
}
