// One account's requests to its homeserver, over the guarded fetch: one attempt per call, everything bounded in time and
// bytes. Not on the SDK's client: that renews only OAuth tokens, through the global `fetch` (security.md X29), lets go of
// a request's deadline when its head is there, and costs 0.3 MB an account.
import type { GuardedFetch } from "#bridge";
import { withDeadline } from "./deadline.ts";
import { BadAnswer, MatrixError } from "./errors.ts";
import { isObject, type JsonObject } from "./json.ts";

export interface ApiRequest {
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole answer. Default 30,000. */
  readonly timeout?: number;
  /** Of the answer. Default 10 MiB. */
  readonly maxBytes?: number;
}

export type Method = "GET" | "PUT" | "POST" | "DELETE";

/** Where an account's access token comes from. */
export interface TokenSource {
  /** Renewed first when it is about to expire. */
  current(): Promise<string>;
  /**
   * The server did not accept `token`. True: there is another one by now.
   * @throws BridgeError `retry` when it cannot be said now
   */
  renew(token: string): Promise<boolean>;
}

export interface Api {
  /**
   * The JSON object that the server answers.
   * @param path segments below /_matrix/client, each encoded here: ["v3", "rooms", id, "leave"]
   * @throws MatrixError for an error answer, BadAnswer for a senseless one, TypeError and such when there was none
   */
  request(method: Method, path: readonly string[], request?: ApiRequest): Promise<JsonObject>;
  /** The raw answer to an authenticated request below the homeserver's root, 2xx or not: for media. */
  raw(path: readonly string[], init: RawRequest): Promise<Response>;
}

export interface RawRequest {
  readonly method: "GET" | "POST";
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: NonNullable<RequestInit["body"]>;
  readonly signal: AbortSignal;
  readonly timeout: number;
  readonly maxBytes: number;
}

export interface ApiDeps {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly fetch: GuardedFetch;
  /** Absent: requests go without a token. */
  readonly tokens?: TokenSource;
  /** Ends all requests. */
  readonly signal: AbortSignal;
}

const defaultTimeout = 30_000;
const defaultMaxBytes = 10 * 1024 * 1024;

export function createApi(deps: ApiDeps): Api {
  const { tokens } = deps;

  /** As `run` with the current token, and once more with a new one if the server does not know that. */
  async function authenticated<T>(run: (headers: Record<string, string>) => Promise<T>): Promise<T> {
    if (tokens === undefined) return run({});
    const token = await tokens.current();
    try {
      return await run({ authorization: `Bearer ${token}` });
    } catch (error) {
      if (!(error instanceof MatrixError) || error.code !== "M_UNKNOWN_TOKEN") throw error;
      if (!(await tokens.renew(token))) throw error;
      return run({ authorization: `Bearer ${await tokens.current()}` });
    }
  }

  return {
    request: (method, path, request = {}) => {
      const url = urlOf(deps.baseUrl, ["_matrix", "client", ...path], request.query);
      const { body, query: _, ...rest } = request;
      const json = body === undefined ? {} : { body: JSON.stringify(body) };
      const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
      return authenticated((headers) =>
        requestJson(deps, url, { ...rest, ...json, method, headers: { ...headers, ...type } }),
      );
    },
    raw: (path, { query, headers: given = {}, signal, ...init }) => {
      const url = urlOf(deps.baseUrl, path, query);
      return authenticated(async (headers) => {
        const response = await deps.fetch(url, {
          ...init,
          headers: { ...given, ...headers },
          signal: AbortSignal.any([deps.signal, signal]),
        });
        if (response.status === 401) throw await errorOf(response);
        return response;
      });
    },
  };
}

interface JsonRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: NonNullable<RequestInit["body"]>;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  readonly maxBytes?: number;
}

/** One HTTP request whose answer is a JSON object. For errors see `Api.request`. */
export async function requestJson(
  deps: Pick<ApiDeps, "fetch" | "signal">,
  url: URL,
  request: JsonRequest,
): Promise<JsonObject> {
  const { timeout = defaultTimeout, maxBytes = defaultMaxBytes, method, headers, body } = request;
  // The deadline is for the body too: a server that drips is cut off.
  const text = await withDeadline(timeout, [deps.signal, request.signal], async (signal) => {
    const response = await deps.fetch(url, {
      method,
      headers: { accept: "application/json", ...headers },
      ...(body === undefined ? {} : { body }),
      signal,
      timeout,
      maxBytes,
    });
    if (!response.ok) throw await errorOf(response);
    return response.text();
  });
  try {
    const answer: unknown = JSON.parse(text);
    if (isObject(answer)) return answer;
  } catch (cause) {
    throw new BadAnswer("the answer is not JSON", { cause });
  }
  throw new BadAnswer("the answer is not a JSON object");
}

async function errorOf(response: Response): Promise<MatrixError> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // A page of a proxy: the status is all there is to know.
  }
  return new MatrixError(response.status, body, response.headers);
}

/** Every segment is encoded, and none may be a step upwards (M06). */
export function urlOf(
  baseUrl: string,
  path: readonly string[],
  query: Readonly<Record<string, string | undefined>> = {},
): URL {
  const url = new URL(`${baseUrl}/${path.map(segment).join("/")}`);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

function segment(text: string): string {
  if (text === "" || text === "." || text === "..") throw new TypeError("not a path segment");
  return encodeURIComponent(text);
}
