// Starts slixmpp_client.py and talks to it.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { until } from "./stage.ts";

type Line = Readonly<Record<string, unknown>>;

export interface Slixmpp {
  /** Resolves with the result; rejects with "condition: text". */
  tell(order: { readonly do: string; readonly [argument: string]: unknown }): Promise<Record<string, unknown>>;
  /** The first event not taken yet that matches. */
  event(name: string, matches: (line: Line) => boolean): Promise<Line>;
  stop(): Promise<void>;
}

/** Logs in. The stage of the caller is the server. */
export async function startSlixmpp(port: number, jid: string): Promise<Slixmpp> {
  const script = fileURLToPath(new URL("slixmpp_client.py", import.meta.url));
  const child: ChildProcess = spawn("/usr/bin/python3", ["-B", script, jid, "pw", String(port)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const lines: Line[] = [];
  let errors = "";
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) lines.push(JSON.parse(part) as Line);
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    errors = (errors + chunk).slice(-5_000);
  });
  let ended = false;
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve())).then(() => {
    ended = true;
  });
  const take = async (what: string, matches: (line: Line) => boolean): Promise<Line> => {
    let found = -1;
    const look = () => {
      found = lines.findIndex(matches);
      if (found < 0 && ended) throw new Error(`slixmpp ended while waiting for ${what}:\n${errors}`);
      return found >= 0;
    };
    try {
      await until(what, look, 20_000);
    } catch (error) {
      throw new Error(
        `${what}; slixmpp has told:\n${lines.map((line) => JSON.stringify(line)).join("\n")}\n${errors}`,
        {
          cause: error,
        },
      );
    }
    return lines.splice(found, 1)[0] ?? {};
  };
  await take("the log-in", (line) => line["event"] === "online");
  return {
    async tell(order) {
      child.stdin?.write(`${JSON.stringify(order)}\n`);
      const answer = await take(
        `the end of ${order.do}`,
        (line) => line["done"] === order.do || line["failed"] === order.do,
      );
      if (answer["done"] !== undefined) return answer["result"] as Record<string, unknown>;
      const { condition, text } = answer["error"] as { condition: string; text: string };
      throw new Error(`${condition}: ${text}`);
    },
    event: (name, matches) => take(`the event ${name}`, (line) => line["event"] === name && matches(line)),
    async stop() {
      child.stdin?.end();
      await Promise.race([exit, new Promise((resolve) => setTimeout(resolve, 4_000).unref())]);
      child.kill("SIGKILL");
      await exit;
    },
  };
}
