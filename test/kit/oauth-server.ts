// An OAuth 2.0 server for a Synapse that has none: the authorization code grant as the Matrix specification wants it, with
// every check that the real one makes. Its tokens are Synapse's own, so that they work there. Whoever comes is `user`.
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface OAuthServer {
  readonly baseUrl: string;
  /** The answer to /_matrix/client/v1/auth_metadata. */
  readonly metadata: object;
  /** Who is logged in there now, with the password "secret"; undefined: they refuse. */
  user: string | undefined;
  /** What clients have told of themselves. */
  readonly clients: Readonly<Record<string, unknown>>[];
  /** Forms that came to the token endpoint. */
  readonly asked: Readonly<Record<string, string>>[];
  /** Tokens that were given back. */
  readonly revoked: string[];
  stop(): Promise<void>;
}

interface Grant {
  readonly user: string;
  readonly asked: URLSearchParams;
}

export async function startOAuthServer(homeserver: string): Promise<OAuthServer> {
  const codes = new Map<string, Grant>();
  const login = async (path: string, body: object, token?: string): Promise<Record<string, unknown>> => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await fetch(`${homeserver}/_matrix/client/v3/${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    return (await answer.json()) as Record<string, unknown>;
  };

  /** The page: the user agrees at once. Returns where the browser goes. */
  function authorize(asked: URLSearchParams): URL {
    const client = oauth.clients[Number(asked.get("client_id"))];
    const back = asked.get("redirect_uri") ?? "";
    if (!(client?.redirect_uris as string[] | undefined)?.includes(back))
      throw new Error("not a redirect URI of theirs");
    const to = new URL(back);
    to.searchParams.set("state", asked.get("state") ?? "");
    to.searchParams.set("iss", oauth.baseUrl);
    if (oauth.user === undefined) to.searchParams.set("error", "access_denied");
    else {
      const code = randomBytes(9).toString("base64url");
      codes.set(code, { user: oauth.user, asked });
      to.searchParams.set("code", code);
    }
    return to;
  }

  async function token(form: Readonly<Record<string, string>>): Promise<object | undefined> {
    oauth.asked.push(form);
    if (form.grant_type === "refresh_token")
      return renewed(await login("refresh", { refresh_token: form.refresh_token }));
    const grant = codes.get(form.code ?? "");
    codes.delete(form.code ?? "");
    const { asked } = grant ?? {};
    const challenge = createHash("sha256")
      .update(form.code_verifier ?? "")
      .digest("base64url");
    const isTheirs =
      asked?.get("code_challenge") === challenge &&
      asked.get("code_challenge_method") === "S256" &&
      asked.get("client_id") === form.client_id &&
      asked.get("redirect_uri") === form.redirect_uri;
    if (grant === undefined || !isTheirs) return undefined;
    const device = /urn:matrix:client:device:(\w+)/.exec(asked.get("scope") ?? "")?.[1];
    const identifier = { type: "m.id.user", user: grant.user };
    const body = { type: "m.login.password", identifier, password: "secret", device_id: device, refresh_token: true };
    return renewed(await login("login", body));
  }

  async function answer(request: IncomingMessage): Promise<{ readonly status: number; readonly body: object } | URL> {
    const url = new URL(request.url ?? "/", "http://oauth");
    const text = await readText(request);
    switch (url.pathname) {
      case "/authorize":
        return authorize(url.searchParams);
      case "/register":
        oauth.clients.push(JSON.parse(text) as Record<string, unknown>);
        return { status: 201, body: { client_id: String(oauth.clients.length - 1) } };
      case "/token": {
        const given = await token(Object.fromEntries(new URLSearchParams(text)));
        return given === undefined ? { status: 400, body: { error: "invalid_grant" } } : { status: 200, body: given };
      }
      case "/revoke": {
        const given = new URLSearchParams(text).get("token") ?? "";
        oauth.revoked.push(given);
        await login("logout", {}, given);
        return { status: 200, body: {} };
      }
      default:
        return { status: 404, body: {} };
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (given) => {
        if (given instanceof URL) return response.writeHead(303, { location: given.href }).end();
        return response.writeHead(given.status, { "content-type": "application/json" }).end(JSON.stringify(given.body));
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const oauth: OAuthServer = {
    baseUrl,
    metadata: {
      issuer: baseUrl,
      authorization_endpoint: `${baseUrl}/authorize`,
      token_endpoint: `${baseUrl}/token`,
      registration_endpoint: `${baseUrl}/register`,
      revocation_endpoint: `${baseUrl}/revoke`,
      response_types_supported: ["code"],
      grant_types_supported: ["authorization_code", "refresh_token"],
      code_challenge_methods_supported: ["S256"],
    },
    user: undefined,
    clients: [],
    asked: [],
    revoked: [],
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return oauth;
}

/** A login of Synapse's as RFC 6749 section 5.1 has it. */
const renewed = ({ access_token, refresh_token, expires_in_ms }: Readonly<Record<string, unknown>>): object => ({
  access_token,
  refresh_token,
  token_type: "Bearer",
  expires_in: Math.floor(Number(expires_in_ms ?? 300_000) / 1000),
});

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
