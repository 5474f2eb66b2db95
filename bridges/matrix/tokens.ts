// An account's tokens: renewed by one at a time, stored before they are used (E28: the old refresh token is spent).
import { BridgeError, type GuardedFetch, type Records } from "#bridge";
import { requestJson, type TokenSource, urlOf } from "./api.ts";
import { type MatrixCredentials, parseTokens, type Tokens, tokensKey, tokensOf, tokensRecord } from "./credentials.ts";
import { MatrixError, matrixError } from "./errors.ts";
import { parseBytes, toBytes } from "./json.ts";

export interface TokensDeps {
  readonly credentials: MatrixCredentials;
  readonly records: Records;
  readonly fetch: GuardedFetch;
  readonly signal: AbortSignal;
}

/** Renewed this long before its end (ms), but not again and again where tokens live shorter than that. */
const margin = 60_000;
const notBefore = 120_000;

/** The tokens of the last refresh, or those of the login. */
export async function openTokens(deps: TokensDeps): Promise<TokenSource> {
  const { credentials } = deps;
  const bytes = (await deps.records.load(tokensKey)).get(tokensKey);
  let tokens: Tokens = (bytes && parseTokens(parseBytes(bytes), credentials)) ?? credentials;
  /** A pair that the server gave and the disk does not have yet: kept, or the account would be lost. */
  let unsaved: Tokens | undefined;
  let renewing: Promise<boolean> | undefined;
  let renewedAt = 0;

  async function replace(): Promise<boolean> {
    const { refreshToken } = tokens;
    if (unsaved === undefined && refreshToken === undefined) return false;
    unsaved ??= await refresh(deps, refreshToken ?? "");
    if (unsaved === undefined) return false;
    await deps.records.save(new Map([[tokensKey, toBytes(tokensRecord(unsaved, credentials))]]));
    tokens = unsaved;
    unsaved = undefined;
    renewedAt = Date.now();
    return true;
  }
  function renewOnce(): Promise<boolean> {
    renewing ??= replace().finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  return {
    async current() {
      const { expiresAt, refreshToken } = tokens;
      const now = Date.now();
      const ends = expiresAt !== undefined && refreshToken !== undefined && expiresAt - now < margin;
      const ending = ends && now - renewedAt > notBefore;
      // With no new token at hand the old one may still do: the server decides.
      if (renewing !== undefined || ending) await renewOnce();
      return tokens.accessToken;
    },
    async renew(token) {
      // Another request was faster.
      if (token !== tokens.accessToken) return true;
      return renewOnce();
    },
  };
}

/** @returns undefined when the server does not accept the refresh token. @throws BridgeError `retry` */
async function refresh(deps: TokensDeps, refreshToken: string): Promise<Tokens | undefined> {
  const { oauth, baseUrl } = deps.credentials;
  try {
    const answer =
      oauth === undefined
        ? await requestJson(deps, urlOf(baseUrl, ["_matrix", "client", "v3", "refresh"]), {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ refresh_token: refreshToken }),
          })
        : await requestJson(deps, new URL(oauth.tokenEndpoint), {
            method: "POST",
            headers: { "content-type": "application/x-www-form-urlencoded" },
            body: new URLSearchParams({
              grant_type: "refresh_token",
              refresh_token: refreshToken,
              client_id: oauth.clientId,
            }).toString(),
          });
    const tokens = tokensOf(answer, Date.now());
    if (tokens === undefined)
      throw new BridgeError("retry", "The Matrix server renewed the login without a new token.");
    // Without a new refresh token the old one stays good.
    return { refreshToken, ...tokens };
  } catch (cause) {
    const refused = cause instanceof MatrixError && cause.status >= 400 && cause.status < 500 && cause.status !== 429;
    if (refused) return undefined;
    throw matrixError(cause);
  }
}
