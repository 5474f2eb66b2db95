// Stands between a session and the real homeserver, and does what that cannot be made to do: answer 503 or garbage, ask for
// patience, carry a request out and lose the answer.
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What happens to a request: an answer of the proxy's own, "lose" (carried out, answer lost), "cut" (neither). */
export type Script = (method: string, path: string) => Answer | "lose" | "cut" | undefined;

export interface HomeserverProxy {
  readonly baseUrl: string;
  /** Each request that came, as "PUT /_matrix/...". */
  readonly requests: string[];
  script: Script | undefined;
  /** Where requests go; may be changed. */
  target: string;
  stop(): Promise<void>;
}

export async function startHomeserverProxy(target: string): Promise<HomeserverProxy> {
  const server = createServer((incoming, outgoing) => handle(proxy, incoming, outgoing));
  const proxy: { -readonly [Key in keyof HomeserverProxy]: HomeserverProxy[Key] } = {
    baseUrl: "",
    requests: [],
    script: undefined,
    target,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}

function handle(proxy: HomeserverProxy, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method = "", url = "" } = incoming;
  proxy.requests.push(`${method} ${url}`);
  const scripted = proxy.script?.(method, url);
  if (scripted === "cut") return void incoming.socket.destroy();
  if (scripted !== undefined && scripted !== "lose") {
    incoming.resume();
    outgoing.writeHead(scripted.status, { "content-type": "application/json", ...scripted.headers });
    outgoing.end(scripted.body ?? "{}");
    return;
  }
  const onward = request(`${proxy.target}${url}`, { method, headers: incoming.headers }, (response) => {
    if (scripted === "lose") {
      response.resume();
      response.on("end", () => incoming.socket.destroy());
      return;
    }
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  outgoing.on("close", () => onward.destroy());
  incoming.pipe(onward);
}
