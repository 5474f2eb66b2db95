// A Matrix client as fast as a socket: node:http with keep-alive, no state, no SDK.
import { Agent, request as httpRequest } from "node:http";

export interface BareClient {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: string;
  /** Rejects when the server does not answer 200. `path` begins behind /_matrix/client/v3. */
  request(method: "GET" | "PUT" | "POST", path: string, body?: object): Promise<unknown>;
  say(roomId: string, text: string): Promise<void>;
  /** Long polls, one after the other, from now on; resolves after the first. `onText` gets every text that comes. */
  watch(onText: (text: string) => void): Promise<void>;
  close(): void;
}

/** Logs in as a new device. */
export async function bareClient(baseUrl: string, user: string, password: string): Promise<BareClient> {
  const agent = new Agent({ keepAlive: true });
  const stop = new AbortController();
  const ask = asker(baseUrl, agent, stop.signal);
  const login = (await ask("POST", "/login", "", {
    type: "m.login.password",
    identifier: { type: "m.id.user", user },
    password,
  })) as { readonly user_id: string; readonly device_id: string; readonly access_token: string };
  const token = login.access_token;
  const request: BareClient["request"] = (method, path, body) => ask(method, path, token, body);
  let transaction = 0;
  return {
    userId: login.user_id,
    deviceId: login.device_id,
    token,
    request,
    say: async (roomId, text) => {
      const content = { msgtype: "m.text", body: text, "m.mentions": {} };
      await request("PUT", `/rooms/${encodeURIComponent(roomId)}/send/m.room.message/b${transaction++}`, content);
    },
    async watch(onText) {
      let since = await poll(request, undefined, () => {});
      const go = async (): Promise<void> => {
        while (!stop.signal.aborted) since = await poll(request, since, onText);
      };
      go().catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
    },
    close() {
      stop.abort();
      agent.destroy();
    },
  };
}

const filter = encodeURIComponent(
  JSON.stringify({
    room: {
      state: { types: [] },
      timeline: { limit: 1_000, types: ["m.room.message"] },
      ephemeral: { types: [] },
      account_data: { types: [] },
    },
    account_data: { types: [] },
    presence: { types: [] },
  }),
);

/** What the filter leaves of it; the server is ours. */
interface SyncAnswer {
  readonly next_batch: string;
  readonly rooms?: {
    readonly join?: Readonly<
      Record<string, { readonly timeline?: { readonly events: readonly { readonly content?: { body?: string } }[] } }>
    >;
  };
}

/** One long poll. Resolves with the next token. */
async function poll(
  request: BareClient["request"],
  since: string | undefined,
  onText: (text: string) => void,
): Promise<string> {
  const from = since === undefined ? "timeout=0" : `timeout=30000&since=${since}`;
  const answer = await request("GET", `/sync?set_presence=offline&filter=${filter}&${from}`);
  const { next_batch, rooms } = answer as SyncAnswer;
  for (const { timeline } of Object.values(rooms?.join ?? {}))
    for (const { content } of timeline?.events ?? []) if (content?.body !== undefined) onText(content.body);
  return next_batch;
}

function asker(baseUrl: string, agent: Agent, signal: AbortSignal) {
  return (method: string, path: string, token: string, body?: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const headers = {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(bytes === undefined ? {} : { "content-type": "application/json", "content-length": bytes.length }),
      };
      const url = `${baseUrl}/_matrix/client/v3${path}`;
      const request = httpRequest(url, { method, agent, headers, signal }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        });
      });
      request.on("error", reject);
      request.end(bytes);
    });
}
