// The way in for the homeserver (Application Service API, "Pushing events" and "Querying"). Who asks is checked before
// anything of the request is read (security.md M01).
import type { HttpHandler, Logger } from "#bridge";
import { field, isObject, type JsonObject } from "../json.ts";
import { isSameToken } from "./tokens.ts";

/** What the routes are answered with. */
export interface Receiver {
  /** Resolves when the transaction is on disk. @throws when it is not */
  transaction(id: string, body: JsonObject): Promise<void>;
  /** Whether this user of ours exists now, made if need be. */
  hasUser(id: string): Promise<boolean>;
  /** Whether this alias of ours leads into a room now, made if need be. */
  hasRoom(alias: string): Promise<boolean>;
  /** A third-party query; undefined: nothing is found. */
  thirdParty(kind: string, path: readonly string[], query: URLSearchParams): unknown;
}

export interface ReceiverDeps {
  readonly hsToken: string;
  readonly log: Logger;
  readonly receiver: Receiver;
  /** Milliseconds for one answer; then the homeserver is asked to try again. Default 10,000. */
  readonly patience?: number;
}

/** 100 events of 64 KB with what hangs on them, and 100 receipts and typing lists, are less. */
const mostBytes = 16 * 1024 * 1024;
const root = ["_matrix", "app", "v1"];

export function createReceiver(deps: ReceiverDeps): HttpHandler {
  const { hsToken, log, patience = 10_000 } = deps;
  return async (request) => {
    const header = /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    // A token in the query would stand in the logs of every proxy: it does not count.
    if (header === undefined) return refusal(401, "M_MISSING_TOKEN", "No token in the Authorization header.");
    if (!isSameToken(header, hsToken)) return refusal(403, "M_FORBIDDEN", "This is not the token of the registration.");
    const late = Promise.withResolvers<Response>();
    const timer = setTimeout(() => late.resolve(refusal(503, "M_LIMIT_EXCEEDED", "Not done yet.")), patience);
    try {
      return await Promise.race([route(request, deps), late.promise]);
    } catch (error) {
      log.error({ err: error }, "a request of the homeserver could not be answered");
      return refusal(500, "M_UNKNOWN", "It was not stored; try again.");
    } finally {
      clearTimeout(timer);
    }
  };
}

async function route(request: Request, deps: ReceiverDeps): Promise<Response> {
  const url = new URL(request.url);
  const path = segmentsOf(url.pathname);
  if (path === undefined || !root.every((part, index) => path[index] === part)) return unrecognized(404);
  const [kind = "", ...rest] = path.slice(root.length);
  const [first = ""] = rest;
  const only = (method: string, answer: () => Promise<Response> | Response) =>
    request.method === method ? answer() : unrecognized(405);
  switch (`${kind}/${rest.length}`) {
    case "transactions/1":
      return only("PUT", () => transaction(first, request, deps));
    case "users/1":
      return only("GET", async () => ((await deps.receiver.hasUser(first)) ? json({}) : notFound()));
    case "rooms/1":
      return only("GET", async () => ((await deps.receiver.hasRoom(first)) ? json({}) : notFound()));
    case "ping/0":
      return only("POST", () => json({}));
    default:
      if (kind !== "thirdparty" || rest.length === 0 || rest.length > 2) return unrecognized(404);
      return only("GET", () => {
        const found = deps.receiver.thirdParty(first, rest.slice(1), url.searchParams);
        return found === undefined ? notFound() : json(found);
      });
  }
}

async function transaction(id: string, request: Request, { receiver }: ReceiverDeps): Promise<Response> {
  if (id.length > 255) return refusal(400, "M_BAD_JSON", "The transaction id is too long.");
  const text = await readText(request);
  if (text === undefined) return refusal(413, "M_TOO_LARGE", `More than ${mostBytes} bytes.`);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return refusal(400, "M_NOT_JSON", "The body is not JSON.");
  }
  if (!isObject(body) || !Array.isArray(field(body, "events")))
    return refusal(400, "M_BAD_JSON", "There is no list of events.");
  await receiver.transaction(id, body);
  return json({});
}

/** Undefined when it is longer than allowed: the rest is not read. */
async function readText(request: Request): Promise<string | undefined> {
  if (Number(request.headers.get("content-length")) > mostBytes) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function segmentsOf(pathname: string): string[] | undefined {
  try {
    return pathname.split("/").slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function json(body: unknown, status = 200): Response {
  return Response.json(body, { status });
}

function refusal(status: number, errcode: string, error: string): Response {
  return json({ errcode, error }, status);
}

function notFound(): Response {
  return refusal(404, "M_NOT_FOUND", "Nobody and nothing has this name here.");
}

function unrecognized(status: 404 | 405): Response {
  return refusal(status, "M_UNRECOGNIZED", "There is no such route here.");
}
