// What a login leaves behind, and what a refresh puts in place of its tokens.
import { createHash } from "node:crypto";
import { isObject, numberAt, objectAt, textAt } from "./json.ts";

/** How the tokens came about, which decides how they are renewed. */
export type LoginKind = "password" | "sso" | "oauth" | "token";

/** Stored sealed by the core. */
export type MatrixCredentials = {
  readonly kind: LoginKind;
  /** The homeserver, without a slash at the end. */
  readonly baseUrl: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** When the access token ends, in milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** `oauth` only: where and as whom to renew (RFC 6749 section 6). */
  readonly oauth?: { readonly tokenEndpoint: string; readonly clientId: string };
};

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly expiresAt?: number;
}

/** The record that holds renewed tokens. */
export const tokensKey = "tokens";

/** The tokens as a record, bound to the login that they continue: a new sign-in must not meet old tokens. */
export function tokensRecord(tokens: Tokens, login: MatrixCredentials): unknown {
  return { ...tokens, of: fingerprint(login) };
}

/** @returns undefined for a record of an earlier login, or of anything else. */
export function parseTokens(record: unknown, login: MatrixCredentials): Tokens | undefined {
  if (textAt(record, "of") !== fingerprint(login)) return undefined;
  const accessToken = textAt(record, "accessToken");
  if (accessToken === undefined) return undefined;
  return { accessToken, ...renewalOf(textAt(record, "refreshToken"), numberAt(record, "expiresAt")) };
}

/** The tokens in the answer of a login or a refresh (Client-Server API) or a token endpoint (RFC 6749 section 5.1). */
export function tokensOf(answer: unknown, now: number): Tokens | undefined {
  const accessToken = textAt(answer, "access_token");
  if (!isObject(answer) || accessToken === undefined || accessToken === "") return undefined;
  const seconds = numberAt(answer, "expires_in");
  const lifetime = numberAt(answer, "expires_in_ms") ?? (seconds === undefined ? undefined : seconds * 1000);
  const expiresAt = lifetime === undefined ? undefined : now + lifetime;
  return { accessToken, ...renewalOf(textAt(answer, "refresh_token"), expiresAt) };
}

export function renewalOf(
  refreshToken: string | undefined,
  expiresAt: number | undefined,
): Omit<Tokens, "accessToken"> {
  return {
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** @returns undefined for what no login of this bridge made. */
export function parseCredentials(value: unknown): MatrixCredentials | undefined {
  const kind = textAt(value, "kind");
  const baseUrl = textAt(value, "baseUrl");
  const userId = textAt(value, "userId");
  const deviceId = textAt(value, "deviceId");
  const accessToken = textAt(value, "accessToken");
  if (kind !== "password" && kind !== "sso" && kind !== "oauth" && kind !== "token") return undefined;
  if (!baseUrl || !userId || deviceId === undefined || !accessToken) return undefined;
  const tokenEndpoint = textAt(objectAt(value, "oauth"), "tokenEndpoint");
  const clientId = textAt(objectAt(value, "oauth"), "clientId");
  const oauth = tokenEndpoint === undefined || clientId === undefined ? {} : { oauth: { tokenEndpoint, clientId } };
  const renewal = renewalOf(textAt(value, "refreshToken"), numberAt(value, "expiresAt"));
  return { kind, baseUrl, userId, deviceId, accessToken, ...renewal, ...oauth };
}

function fingerprint(login: MatrixCredentials): string {
  return createHash("sha256").update(login.accessToken).digest("base64url").slice(0, 22);
}
