// The authorization code grant of OAuth 2.0 (RFC 6749 section 4.1) with PKCE (RFC 7636): the user's browser goes to the server
// and comes back to the page of the sign-in with a code (Client-Server API, "Authorization code flow").
import { createHash, randomBytes } from "node:crypto";
import type { Answers, Browser, Visit } from "#bridge";
import { tokensOf } from "./credentials.ts";
import type { BrowserWay, Entry } from "./entry.ts";
import { MatrixError } from "./errors.ts";
import { newDeviceId, type OAuthDeps, type OAuthServer, postForm, registerClient, scopeFor } from "./oauth.ts";

/** Left out of the metadata means that this grant is there (RFC 8414 section 2). */
export const hasCodeGrant = ({ grants, challengeMethods, authorizationEndpoint }: OAuthServer): boolean =>
  (grants.length === 0 || grants.includes("authorization_code")) &&
  challengeMethods.includes("S256") &&
  authorizationEndpoint !== undefined;

/**
 * Registers us with the server.
 * @param clientUri the page about us that the server shows to the user. Where the browser comes back to has to be on its host
 * or below (Client-Server API, "Client registration"); where it is not, the server is shown the gateway's own address.
 * @throws as `requestJson`, and Error for a senseless answer
 */
export async function startCodeGrant(
  server: OAuthServer,
  clientUri: string,
  browser: Browser,
  deps: OAuthDeps,
): Promise<BrowserWay> {
  const { returnUrl } = browser;
  const { authorizationEndpoint, tokenEndpoint } = server;
  if (authorizationEndpoint === undefined) throw new Error("the server has no code grant");
  const clientId = await registerClient(server, deps, {
    client_uri: isBelow(returnUrl.hostname, new URL(clientUri).hostname) ? clientUri : new URL("/", returnUrl).href,
    application_type: "web",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    redirect_uris: [returnUrl.href],
  });
  const deviceId = newDeviceId();
  let verifier = "";

  function begin(): Visit {
    verifier = randomBytes(32).toString("base64url");
    const url = new URL(authorizationEndpoint ?? "");
    const asked = {
      response_type: "code",
      response_mode: "query",
      client_id: clientId,
      redirect_uri: returnUrl.href,
      scope: scopeFor(deviceId),
      state: browser.newState(),
      code_challenge_method: "S256",
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    return { url, returns: ["code", "error", "iss"] };
  }

  async function finish({ code, error, iss }: Answers): Promise<Entry | string> {
    // RFC 9207 section 2.4: the code of another server is not for this one.
    if (iss !== undefined && iss !== server.issuer) return "The browser came back from another server.";
    if (error === "access_denied") return "The sign-in was refused in the browser.";
    if (!code) return "The sign-in did not work in the browser.";
    try {
      const answer = await postForm(tokenEndpoint, deps, {
        grant_type: "authorization_code",
        code,
        redirect_uri: returnUrl.href,
        client_id: clientId,
        code_verifier: verifier,
      });
      const tokens = tokensOf(answer, Date.now());
      if (tokens === undefined) return "The homeserver answered without a token.";
      return { kind: "oauth", tokens, deviceId, oauth: { tokenEndpoint, clientId } };
    } catch (cause) {
      // RFC 6749 section 5.2. Spent, too old, or never given to us.
      if (cause instanceof MatrixError && cause.words === "invalid_grant") return "The homeserver did not accept that.";
      throw cause;
    }
  }

  return { begin, finish };
}

const isBelow = (host: string, base: string): boolean => host === base || host.endsWith(`.${base}`);
