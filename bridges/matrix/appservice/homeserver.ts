// Requests to the operator's homeserver, as the application service or as any of its users (Application Service API,
// "Identity assertion").
import { BridgeError, type GuardedFetch, type RemoteId } from "#bridge";
import { type Api, createApi } from "../api.ts";
import { MatrixError } from "../errors.ts";

export interface Homeserver {
  /** As the application service's own user. */
  readonly bot: Api;
  /** As one of its users, which must be registered. */
  as(user: RemoteId): Api;
}

export interface HomeserverDeps {
  readonly baseUrl: string;
  readonly asToken: string;
  readonly signal: AbortSignal;
}

export function createHomeserver({ baseUrl, asToken, signal }: HomeserverDeps): Homeserver {
  const tokens = { current: async () => asToken, renew: async () => false };
  const bot = orOperator(createApi({ baseUrl, fetch: operatorFetch, tokens, signal }));
  return { bot, as: (user) => asUser(bot, user) };
}

function asUser(bot: Api, user: RemoteId): Api {
  return {
    request: (method, path, request = {}) =>
      bot.request(method, path, { ...request, query: { ...request.query, user_id: user } }),
    raw: (path, init) => bot.raw(path, { ...init, query: { ...init.query, user_id: user } }),
  };
}

/** A user cannot sign in again here: a token that is not accepted is the operator's to put right. */
function orOperator(api: Api): Api {
  const translated = (error: unknown): never => {
    if (!(error instanceof MatrixError) || !["M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"].includes(error.code)) throw error;
    throw new BridgeError(
      "retry",
      "The Matrix server does not know this gateway: the operator has to install its registration there.",
      { condition: "service-unavailable", retryAfter: 60_000, cause: error },
    );
  };
  return {
    request: (method, path, request) => api.request(method, path, request).catch(translated),
    raw: (path, init) => api.raw(path, init).catch(translated),
  };
}

const defaultTimeout = 30_000;
const defaultMaxBytes = 10 * 1024 * 1024;

/** The operator names the homeserver, so it may be on this machine; nothing it says leads elsewhere. */
const operatorFetch: GuardedFetch = async (url, init = {}) => {
  const { timeout = defaultTimeout, maxBytes = defaultMaxBytes, signal, ...rest } = init;
  // For the head only, as with GuardedFetch: the body's end is the caller's to wait for.
  const head = new AbortController();
  const timer = setTimeout(() => head.abort(new DOMException("no answer in time", "TimeoutError")), timeout);
  try {
    const signals = [head.signal, ...(signal ? [signal] : [])];
    const response = await fetch(url, { ...rest, redirect: "error", signal: AbortSignal.any(signals) });
    return limited(response, maxBytes);
  } finally {
    clearTimeout(timer);
  }
};

function limited(response: Response, maxBytes: number): Response {
  if (response.body === null || maxBytes === Number.POSITIVE_INFINITY) return response;
  let size = 0;
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.length;
      if (size > maxBytes) controller.error(new TypeError(`an answer of more than ${maxBytes} bytes`));
      else controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(count), response);
}
