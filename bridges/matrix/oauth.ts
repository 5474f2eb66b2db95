// Sign-in at an OAuth 2.0 server of a homeserver (Client-Server API, "OAuth 2.0 API"): server metadata (RFC 8414), dynamic
// registration (RFC 7591) and the device authorization grant (RFC 8628), which needs no public address of ours.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { GuardedFetch } from "#bridge";
import { requestJson, urlOf } from "./api.ts";
import { type Tokens, tokensOf } from "./credentials.ts";
import { MatrixError } from "./errors.ts";
import { type JsonObject, listAt, numberAt, textAt } from "./json.ts";

export interface OAuthDeps {
  readonly fetch: GuardedFetch;
  readonly signal: AbortSignal;
}

/** The part of the metadata that the device grant needs. */
export interface OAuthServer {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly deviceEndpoint: string;
  readonly registrationEndpoint: string;
}

/** A sign-in that waits for the user, who opens `link` and confirms `code`. */
export interface DeviceGrant {
  readonly server: OAuthServer;
  readonly clientId: string;
  readonly deviceId: string;
  readonly link: string;
  readonly code: string;
  readonly deviceCode: string;
  /** Milliseconds between two questions; the server may make it longer. */
  interval: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export type Polled =
  | { readonly state: "done"; readonly tokens: Tokens }
  | { readonly state: "pending" | "denied" | "expired" };

const deviceGrantType = "urn:ietf:params:oauth:grant-type:device_code";

/** @returns undefined when the homeserver has no OAuth server, or one without the device grant. */
export async function findOAuthServer(baseUrl: string, deps: OAuthDeps): Promise<OAuthServer | undefined> {
  for (const path of [
    ["v1", "auth_metadata"],
    ["unstable", "org.matrix.msc2965", "auth_metadata"],
  ]) {
    try {
      const url = urlOf(baseUrl, ["_matrix", "client", ...path]);
      return parseServer(await requestJson(deps, url, { method: "GET", headers: {} }));
    } catch (error) {
      if (!(error instanceof MatrixError) || error.status >= 500 || error.status === 429) throw error;
    }
  }
  return undefined;
}

/**
 * Gives tokens back (RFC 7009); the refresh token takes the access token along (Client-Server API, "Token revocation").
 * @throws as `requestJson`
 */
export async function revoke(baseUrl: string, token: string, clientId: string, deps: OAuthDeps): Promise<void> {
  const url = urlOf(baseUrl, ["_matrix", "client", "v1", "auth_metadata"]);
  const place = endpoint(await requestJson(deps, url, { method: "GET", headers: {} }), "revocation_endpoint");
  if (place === undefined) return;
  await requestJson(deps, new URL(place), {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ token, client_id: clientId }).toString(),
  });
}

function parseServer(metadata: JsonObject): OAuthServer | undefined {
  if (!listAt(metadata, "grant_types_supported").includes(deviceGrantType)) return undefined;
  const issuer = textAt(metadata, "issuer");
  const tokenEndpoint = endpoint(metadata, "token_endpoint");
  const deviceEndpoint = endpoint(metadata, "device_authorization_endpoint");
  const registrationEndpoint = endpoint(metadata, "registration_endpoint");
  if (!issuer || !tokenEndpoint || !deviceEndpoint || !registrationEndpoint) return undefined;
  return { issuer, tokenEndpoint, deviceEndpoint, registrationEndpoint };
}

function endpoint(metadata: JsonObject, name: string): string | undefined {
  const text = textAt(metadata, name);
  return text !== undefined && URL.canParse(text) ? text : undefined;
}

/**
 * Registers us with the server and asks for a code to show.
 * @param clientUri the page about us that the server shows to the user; https (Client-Server API, "Client registration")
 * @throws as `requestJson`, and Error for a senseless answer
 */
export async function startDeviceGrant(server: OAuthServer, clientUri: string, deps: OAuthDeps): Promise<DeviceGrant> {
  const registered = await requestJson(deps, new URL(server.registrationEndpoint), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "Viaduct (XMPP gateway)",
      client_uri: clientUri,
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: [deviceGrantType, "refresh_token"],
      response_types: [],
    }),
  });
  const clientId = textAt(registered, "client_id");
  if (!clientId) throw new Error("the registration has no client id");
  const deviceId = randomBytes(8).toString("hex").toUpperCase();
  const answer = await form(server.deviceEndpoint, deps, {
    client_id: clientId,
    scope: `urn:matrix:client:api:* urn:matrix:client:device:${deviceId}`,
  });
  const deviceCode = textAt(answer, "device_code");
  const code = textAt(answer, "user_code");
  const link = textAt(answer, "verification_uri_complete") ?? textAt(answer, "verification_uri");
  if (!deviceCode || !code || !link || !/^https?:\/\//.test(link)) throw new Error("the grant cannot be shown");
  const lifetime = clamp(numberAt(answer, "expires_in") ?? 600, 30, 3600) * 1000;
  const interval = clamp(numberAt(answer, "interval") ?? 5, 1, 60) * 1000;
  return { server, clientId, deviceId, link, code, deviceCode, interval, expiresAt: Date.now() + lifetime };
}

/** Ask until the user has decided, or for `patience` milliseconds. */
export async function pollDeviceGrant(grant: DeviceGrant, patience: number, deps: OAuthDeps): Promise<Polled> {
  const until = Date.now() + patience;
  for (;;) {
    if (Date.now() >= grant.expiresAt) return { state: "expired" };
    const answer = await askOnce(grant, deps);
    if (answer.state !== "pending") return answer;
    if (Date.now() + grant.interval >= until) return answer;
    await sleep(grant.interval, undefined, { signal: deps.signal });
  }
}

async function askOnce(grant: DeviceGrant, deps: OAuthDeps): Promise<Polled> {
  try {
    const answer = await form(grant.server.tokenEndpoint, deps, {
      grant_type: deviceGrantType,
      device_code: grant.deviceCode,
      client_id: grant.clientId,
    });
    const tokens = tokensOf(answer, Date.now());
    if (tokens === undefined) throw new Error("the token endpoint gave no token");
    return { state: "done", tokens };
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    // RFC 8628 section 3.5.
    if (error.words === "slow_down") grant.interval = Math.min(grant.interval + 5000, 60_000);
    if (error.words === "authorization_pending" || error.words === "slow_down") return { state: "pending" };
    if (error.words === "access_denied") return { state: "denied" };
    if (error.words === "expired_token" || error.words === "invalid_grant") return { state: "expired" };
    throw error;
  }
}

function form(url: string, deps: OAuthDeps, values: Readonly<Record<string, string>>): Promise<JsonObject> {
  return requestJson(deps, new URL(url), {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(values).toString(),
  });
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
