// A homeserver that says yes to everything: where the test itself plays the homeserver's other half.
import { createServer } from "node:http";
import { freePorts } from "../../../lab/ports.ts";
import { waitFor } from "../matrix-lab.ts";

export interface FakeHomeserver {
  readonly baseUrl: string;
  /** Each request that came, as "PUT /_matrix/..." without its query. */
  readonly requests: string[];
  /** Answers with an error: its status, or its code (then with 400); or with an object of its own. */
  script: ((method: string, path: string) => number | string | object | undefined) | undefined;
  until(matches: (request: string) => boolean): Promise<unknown>;
  stop(): Promise<void>;
}

export async function startFakeHomeserver(): Promise<FakeHomeserver> {
  const [port = 0] = await freePorts(1);
  const requests: string[] = [];
  const fake: FakeHomeserver = {
    baseUrl: `http://127.0.0.1:${port}`,
    requests,
    script: undefined,
    until: (matches) =>
      waitFor(
        () => requests.find(matches),
        "a request",
        () => requests.slice(-20).join("\n"),
      ),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  let events = 0;
  const server = createServer((incoming, outgoing) => {
    const { method = "" } = incoming;
    const url = new URL(incoming.url ?? "", fake.baseUrl);
    incoming.resume();
    requests.push(`${method} ${url.pathname}`);
    const scripted = fake.script?.(method, url.pathname) ?? usual(url);
    const ok = { event_id: `$sent${(events += 1)}`, room_id: "!made:matrix.test" };
    const [status, body] =
      typeof scripted === "object"
        ? [200, { ...ok, ...scripted }]
        : typeof scripted === "number"
          ? [scripted, { errcode: "M_UNKNOWN" }]
          : [400, { errcode: scripted }];
    outgoing.writeHead(status, { "content-type": "application/json" });
    outgoing.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return fake;
}

/** What a right registration gets, and rooms of which there is nothing to say. */
function usual(url: URL): number | string | object {
  if (url.pathname.endsWith("/whoami")) return 403;
  if (url.pathname.endsWith("/m.room.encryption")) return "M_NOT_FOUND";
  if (!url.pathname.endsWith("/sync")) return {};
  const filter = JSON.parse(url.searchParams.get("filter") ?? "{}") as { room?: { rooms?: string[] } };
  const rooms = (filter.room?.rooms ?? []).map((id) => [id, { timeline: { events: [] }, state: { events: [] } }]);
  return { rooms: { join: Object.fromEntries(rooms) } };
}
