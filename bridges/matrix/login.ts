// Sign-in: the Matrix address first, then what its homeserver offers. Nothing is stored before the server has said which
// account and device the tokens are for.
import { type Answers, BridgeError, type Field, type LoginContext, type Prompt, type SignedIn } from "#bridge";
import { createApi, requestJson, urlOf } from "./api.ts";
import { type LoginKind, type MatrixCredentials, renewalOf, type Tokens, tokensOf } from "./credentials.ts";
import { discover, parseWanted, type Wanted } from "./discovery.ts";
import { MatrixError, matrixError } from "./errors.ts";
import { listAt, textAt } from "./json.ts";
import { type DeviceGrant, findOAuthServer, pollDeviceGrant, startDeviceGrant } from "./oauth.ts";
import type { MatrixOptions } from "./options.ts";

type Dialogue<T> = AsyncGenerator<Prompt, T, Answers>;

/** H13: a guesser gets no further than a forgetful user. */
const mostTries = 5;
/** How long an answer to the link waits for the browser before the user is asked again (ms). */
const browserPatience = 25_000;

/** What a homeserver offers. A token can always be pasted. */
interface Offer {
  readonly baseUrl: string;
  readonly wanted: Wanted;
  readonly grant: DeviceGrant | undefined;
  readonly password: boolean;
}

/** The dialogue. @throws BridgeError `reject` when it cannot end well. */
export async function* login(context: LoginContext<MatrixOptions>): Dialogue<SignedIn<MatrixCredentials>> {
  if (!context.options.accounts.enabled) {
    throw new BridgeError("reject", "Matrix accounts of your own cannot be used here.", { condition: "not-allowed" });
  }
  const offer = yield* askForServer(context);
  let error: string | undefined;
  // Looking for the browser's answer again is no guess: only refused secrets count.
  for (let tries = 0; tries < mostTries; ) {
    const answers: Answers = yield offerPrompt(offer, error);
    try {
      const outcome = await attempt(offer, answers, context);
      if (typeof outcome !== "string") return outcome;
      error = outcome;
      if (answers.password) tries += 1;
    } catch (cause) {
      context.signal.throwIfAborted();
      const failure = matrixError(cause);
      if (failure.kind === "retry") error = failure.message;
      else throw failure;
      tries += 1;
    }
  }
  throw new BridgeError("reject", error ?? "The sign-in did not work.", { condition: "not-authorized" });
}

async function* askForServer(context: LoginContext<MatrixOptions>): Dialogue<Offer> {
  const { homeserver } = context.options.accounts;
  let error: string | undefined;
  for (let tries = 0; tries < mostTries; tries++) {
    const answers: Answers = yield addressPrompt(homeserver, error);
    const text = (answers.address ?? "").trim();
    const wanted = parseWanted(text, homeserver);
    if (wanted === undefined) {
      error = `"${text.slice(0, 100)}" is not a Matrix address: it should look like @name:example.org.`;
      continue;
    }
    try {
      const { fetch, signal } = context;
      const baseUrl = await discover(wanted, { fetch, signal });
      return await lookAtOffer(baseUrl, wanted, context);
    } catch (cause) {
      context.signal.throwIfAborted();
      error = matrixError(cause).message;
    }
  }
  throw new BridgeError("reject", error ?? "No homeserver was found.", { condition: "remote-server-not-found" });
}

function addressPrompt(homeserver: string | undefined, error: string | undefined): Prompt {
  const label = homeserver === undefined ? "Matrix address or homeserver" : "Matrix user name";
  return {
    title: "Sign in to your Matrix account",
    instructions:
      homeserver === undefined
        ? "Your Matrix address, such as @name:example.org, or the name of your homeserver."
        : `Your user name at ${new URL(homeserver).host}.`,
    fields: [{ name: "address", label, kind: "text", required: true }],
    ...(error === undefined ? {} : { error }),
  };
}

async function lookAtOffer(baseUrl: string, wanted: Wanted, context: LoginContext<MatrixOptions>): Promise<Offer> {
  const flows = await requestJson(context, urlOf(baseUrl, ["_matrix", "client", "v3", "login"]), {
    method: "GET",
    headers: {},
  });
  const password = listAt(flows, "flows").some((flow) => textAt(flow, "type") === "m.login.password");
  let grant: DeviceGrant | undefined;
  try {
    const server = await findOAuthServer(baseUrl, context);
    if (server !== undefined) grant = await startDeviceGrant(server, context.options.accounts.clientUri, context);
  } catch (error) {
    context.signal.throwIfAborted();
    // The other ways in are still there.
    context.log.warn({ baseUrl, err: error }, "no OAuth sign-in at this homeserver");
  }
  return { baseUrl, wanted, grant, password };
}

function offerPrompt(offer: Offer, error: string | undefined): Prompt {
  const { grant, password } = offer;
  const ways: string[] = [];
  if (grant !== undefined) {
    ways.push(
      `Open ${grant.link} in a browser, check that it shows the code ${grant.code}, and allow the sign-in. Then go on here, with nothing filled in.`,
    );
  }
  if (password) ways.push(`${grant === undefined ? "Give" : "Or give"} your password.`);
  ways.push(
    `${ways.length === 0 ? "Give" : "Or give"} an access token, made in another client for this gateway alone; encrypted chats cannot be read with one.`,
  );
  // One field for both: in a chat each field is a question of its own.
  const label = password ? "Password or access token" : "Access token";
  const fields: Field[] = [{ name: "password", label, kind: "secret", required: grant === undefined }];
  return {
    title: `Sign in at ${new URL(offer.baseUrl).host}`,
    instructions: ways.join(" "),
    fields,
    ...(error === undefined ? {} : { error }),
  };
}

/** @returns the result, or one sentence about what was wrong with the answers. */
async function attempt(
  offer: Offer,
  answers: Answers,
  context: LoginContext<MatrixOptions>,
): Promise<SignedIn<MatrixCredentials> | string> {
  if (answers.password) return withSecret(offer, answers.password, context);
  const { grant } = offer;
  if (grant === undefined) return "Nothing was filled in.";
  const polled = await pollDeviceGrant(grant, browserPatience, context);
  if (polled.state === "done") return finish(offer, polled.tokens, "oauth", context);
  if (polled.state === "pending") return "The sign-in has not been allowed in the browser yet.";
  throw new BridgeError(
    "reject",
    `The sign-in was ${polled.state === "denied" ? "refused in the browser" : "not allowed in time"}.`,
    {
      condition: "not-authorized",
    },
  );
}

/** Tokens of Synapse and of its authentication service begin like this; macaroons are what they were once. */
const tokenStart = /^(?:syt_|mat_|mct_|MDA)/;
/** RFC 6750 section 2.1, and too long to be a password of most people. */
const tokenLike = /^[\w.~+/-]{24,}=*$/;

/** A password, or a token: what cannot be told apart is tried as a password first. */
async function withSecret(
  offer: Offer,
  secret: string,
  context: LoginContext<MatrixOptions>,
): Promise<SignedIn<MatrixCredentials> | string> {
  const asToken = () => finish(offer, { accessToken: secret.trim() }, "token", context);
  if (!offer.password || tokenStart.test(secret.trim())) return asToken();
  const outcome = await withPassword(offer, secret, context);
  if (typeof outcome !== "string" || !tokenLike.test(secret.trim())) return outcome;
  const again = await asToken();
  return typeof again === "string" ? outcome : again;
}

async function withPassword(
  offer: Offer,
  password: string,
  context: LoginContext<MatrixOptions>,
): Promise<SignedIn<MatrixCredentials> | string> {
  const user = offer.wanted.userId ?? offer.wanted.localpart;
  if (user === undefined)
    return "With a password the whole Matrix address is needed: start again with @name:example.org.";
  try {
    const answer = await requestJson(context, urlOf(offer.baseUrl, ["_matrix", "client", "v3", "login"]), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        type: "m.login.password",
        identifier: { type: "m.id.user", user },
        password,
        initial_device_display_name: "Viaduct (XMPP gateway)",
        refresh_token: true,
      }),
    });
    const tokens = tokensOf(answer, Date.now());
    if (tokens === undefined) return "The homeserver answered without a token.";
    return await finish(offer, tokens, "password", context);
  } catch (error) {
    if (!(error instanceof MatrixError) || error.code !== "M_FORBIDDEN") throw error;
    return `${new URL(offer.baseUrl).host} does not accept this user and password.`;
  }
}

/** Asks the server whose the tokens are: it must be the account that was named, where one was. */
async function finish(
  offer: Offer,
  tokens: Tokens,
  kind: LoginKind,
  context: LoginContext<MatrixOptions>,
): Promise<SignedIn<MatrixCredentials> | string> {
  const { baseUrl, wanted, grant } = offer;
  const fixed = { current: () => Promise.resolve(tokens.accessToken), renew: () => Promise.resolve(false) };
  const api = createApi({ baseUrl, fetch: context.fetch, signal: context.signal, tokens: fixed });
  try {
    const answer = await api.request("GET", ["v3", "account", "whoami"]);
    const userId = textAt(answer, "user_id");
    if (!userId || !/^@[^:]*:.+$/s.test(userId) || userId.length > 255)
      return "The homeserver did not say whose account this is.";
    if (wanted.userId !== undefined && wanted.userId.toLowerCase() !== userId.toLowerCase())
      return `That belongs to ${userId}, not to ${wanted.userId}.`;
    const deviceId = textAt(answer, "device_id") ?? (kind === "oauth" ? (grant?.deviceId ?? "") : "");
    const oauth =
      kind === "oauth" && grant !== undefined
        ? { oauth: { tokenEndpoint: grant.server.tokenEndpoint, clientId: grant.clientId } }
        : {};
    const { accessToken, refreshToken, expiresAt } = tokens;
    const credentials: MatrixCredentials = {
      kind,
      baseUrl,
      userId,
      deviceId,
      accessToken,
      ...renewalOf(refreshToken, expiresAt),
      ...oauth,
    };
    return { self: userId, credentials };
  } catch (error) {
    if (!(error instanceof MatrixError) || error.status !== 401) throw error;
    return "The homeserver does not accept this access token.";
  }
}
