// The OAuth 2.0 server of a homeserver (Client-Server API, "OAuth 2.0 API"): its metadata (RFC 8414), dynamic registration
// (RFC 7591) and revocation (RFC 7009). The ways to get tokens from it are in device-grant.ts and code-grant.ts.
import { randomBytes } from "node:crypto";
import type { GuardedFetch } from "#bridge";
import { requestJson, urlOf } from "./api.ts";
import { MatrixError } from "./errors.ts";
import { type JsonObject, listAt, textAt } from "./json.ts";

export interface OAuthDeps {
  readonly fetch: GuardedFetch;
  readonly signal: AbortSignal;
}

/** The part of the metadata that a sign-in needs. */
export interface OAuthServer {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly registrationEndpoint: string;
  readonly deviceEndpoint: string | undefined;
  /** A page for the user's browser: https, or as unencrypted as the homeserver is. */
  readonly authorizationEndpoint: string | undefined;
  readonly grants: readonly unknown[];
  /** Of PKCE (RFC 7636). */
  readonly challengeMethods: readonly unknown[];
}

/** @returns undefined when the homeserver has no OAuth server, or one that nobody can register with. */
export async function findOAuthServer(baseUrl: string, deps: OAuthDeps): Promise<OAuthServer | undefined> {
  for (const path of [
    ["v1", "auth_metadata"],
    ["unstable", "org.matrix.msc2965", "auth_metadata"],
  ]) {
    try {
      const url = urlOf(baseUrl, ["_matrix", "client", ...path]);
      return parseServer(await requestJson(deps, url, { method: "GET", headers: {} }), baseUrl);
    } catch (error) {
      if (!(error instanceof MatrixError) || error.status >= 500 || error.status === 429) throw error;
    }
  }
  return undefined;
}

function parseServer(metadata: JsonObject, baseUrl: string): OAuthServer | undefined {
  const issuer = textAt(metadata, "issuer");
  const tokenEndpoint = endpoint(metadata, "token_endpoint");
  const registrationEndpoint = endpoint(metadata, "registration_endpoint");
  if (!issuer || !tokenEndpoint || !registrationEndpoint) return undefined;
  const page = endpoint(metadata, "authorization_endpoint");
  const isSafe = page?.startsWith("https:") || (page?.startsWith("http:") && baseUrl.startsWith("http:"));
  return {
    issuer,
    tokenEndpoint,
    registrationEndpoint,
    deviceEndpoint: endpoint(metadata, "device_authorization_endpoint"),
    authorizationEndpoint: isSafe ? page : undefined,
    grants: listAt(metadata, "grant_types_supported"),
    challengeMethods: listAt(metadata, "code_challenge_methods_supported"),
  };
}

function endpoint(metadata: JsonObject, name: string): string | undefined {
  const text = textAt(metadata, name);
  return text !== undefined && URL.canParse(text) ? new URL(text).href : undefined;
}

/**
 * Makes us a client of the server (Client-Server API, "Client registration").
 * @returns the client id
 * @throws as `requestJson`, and Error for a senseless answer
 */
export async function registerClient(
  server: OAuthServer,
  deps: OAuthDeps,
  metadata: Readonly<Record<string, unknown>>,
): Promise<string> {
  const registered = await requestJson(deps, new URL(server.registrationEndpoint), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Viaduct (XMPP gateway)", token_endpoint_auth_method: "none", ...metadata }),
  });
  const clientId = textAt(registered, "client_id");
  if (!clientId) throw new Error("the registration has no client id");
  return clientId;
}

/** For a device of the account's that is not there yet. */
export const newDeviceId = (): string => randomBytes(8).toString("hex").toUpperCase();

/** Client-Server API, "Scope". */
export const scopeFor = (deviceId: string): string => `urn:matrix:client:api:* urn:matrix:client:device:${deviceId}`;

/** @throws as `requestJson` */
export function postForm(url: string, deps: OAuthDeps, values: Readonly<Record<string, string>>): Promise<JsonObject> {
  return requestJson(deps, new URL(url), {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(values).toString(),
  });
}

/**
 * Gives tokens back (RFC 7009); the refresh token takes the access token along (Client-Server API, "Token revocation").
 * @throws as `requestJson`
 */
export async function revoke(baseUrl: string, token: string, clientId: string, deps: OAuthDeps): Promise<void> {
  const url = urlOf(baseUrl, ["_matrix", "client", "v1", "auth_metadata"]);
  const place = endpoint(await requestJson(deps, url, { method: "GET", headers: {} }), "revocation_endpoint");
  if (place === undefined) return;
  await postForm(place, deps, { token, client_id: clientId });
}
