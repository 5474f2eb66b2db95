// The device authorization grant of OAuth 2.0 (RFC 8628): the user confirms a code on a page of the server's. Needs no public
// address of ours.
import { setTimeout as sleep } from "node:timers/promises";
import { type Tokens, tokensOf } from "./credentials.ts";
import { MatrixError } from "./errors.ts";
import { numberAt, textAt } from "./json.ts";
import { newDeviceId, type OAuthDeps, type OAuthServer, postForm, registerClient, scopeFor } from "./oauth.ts";

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

/** Whether the server lets us ask for one. */
export const hasDeviceGrant = (server: OAuthServer): boolean =>
  server.grants.includes(deviceGrantType) && server.deviceEndpoint !== undefined;

/**
 * Registers us with the server and asks for a code to show.
 * @param clientUri the page about us that the server shows to the user; https (Client-Server API, "Client registration")
 * @throws as `requestJson`, and Error for a senseless answer
 */
export async function startDeviceGrant(server: OAuthServer, clientUri: string, deps: OAuthDeps): Promise<DeviceGrant> {
  const { deviceEndpoint } = server;
  if (deviceEndpoint === undefined) throw new Error("the server has no device grant");
  const clientId = await registerClient(server, deps, {
    client_uri: clientUri,
    application_type: "native",
    grant_types: [deviceGrantType, "refresh_token"],
    response_types: [],
  });
  const deviceId = newDeviceId();
  const answer = await postForm(deviceEndpoint, deps, { client_id: clientId, scope: scopeFor(deviceId) });
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
    const answer = await postForm(grant.server.tokenEndpoint, deps, {
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

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
