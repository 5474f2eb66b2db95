// Sign-in: the Matrix address first, then what its homeserver offers. Nothing is stored before the server has said which
// account and device the tokens are for.
import { type Answers, BridgeError, type LoginContext, type Prompt, type SignedIn } from "#bridge";
import { requestJson, urlOf } from "./api.ts";
import { type MatrixCredentials, tokensOf } from "./credentials.ts";
import { pollDeviceGrant } from "./device-grant.ts";
import { discover, parseWanted } from "./discovery.ts";
import { deviceName, enter } from "./entry.ts";
import { MatrixError, matrixError } from "./errors.ts";
import { lookAtOffer, type Offer, offerPrompt } from "./offer.ts";
import type { MatrixOptions } from "./options.ts";

type Dialogue<T> = AsyncGenerator<Prompt, T, Answers>;

/** H13: a guesser gets no further than a forgetful user. */
const mostTries = 5;
/** How long an answer to the link waits for the browser before the user is asked again (ms). */
const browserPatience = 25_000;

/** The dialogue. @throws BridgeError `reject` when it cannot end well. */
export async function* login(context: LoginContext<MatrixOptions>): Dialogue<SignedIn<MatrixCredentials>> {
  if (!context.options.accounts.enabled) {
    throw new BridgeError("reject", "Matrix accounts of your own cannot be used here.", { condition: "not-allowed" });
  }
  const offer = yield* askForServer(context);
  let visit = offer.browserWay?.begin();
  let error: string | undefined;
  // Looking for the browser's answer again is no guess: only what was refused counts.
  for (let tries = 0; tries < mostTries; ) {
    const answers: Answers = yield offerPrompt(offer, visit, error);
    const isBack = visit?.returns.some((name) => answers[name] !== undefined) ?? false;
    try {
      const outcome = isBack ? await comeBack(offer, answers, context) : await attempt(offer, answers, context);
      if (typeof outcome !== "string") return outcome;
      error = outcome;
      if (isBack || answers.password) tries += 1;
    } catch (cause) {
      context.signal.throwIfAborted();
      const failure = matrixError(cause);
      if (failure.kind === "retry") error = failure.message;
      else throw failure;
      tries += 1;
    }
    // Each way back is good for once.
    if (isBack) visit = offer.browserWay?.begin();
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
      // Not repeated: who is asked again easily begins with the password (X21).
      error = "That is not a Matrix address: it should look like @name:example.org.";
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

async function comeBack(
  offer: Offer,
  answers: Answers,
  context: LoginContext<MatrixOptions>,
): Promise<SignedIn<MatrixCredentials> | string> {
  const entry = await offer.browserWay?.finish(answers);
  return typeof entry === "object" ? enter(entry, offer, context) : (entry ?? "");
}

/** @returns the result, or one sentence about what was wrong with the answers. */
async function attempt(
  offer: Offer,
  answers: Answers,
  context: LoginContext<MatrixOptions>,
): Promise<SignedIn<MatrixCredentials> | string> {
  if (answers.password) return withSecret(offer, answers.password, context);
  const { grant } = offer;
  if (grant === undefined)
    return offer.browserWay ? "The sign-in has not been finished in the browser yet." : "Nothing was filled in.";
  const polled = await pollDeviceGrant(grant, browserPatience, context);
  if (polled.state === "done") {
    const { clientId, deviceId, server } = grant;
    const oauth = { tokenEndpoint: server.tokenEndpoint, clientId };
    return enter({ kind: "oauth", tokens: polled.tokens, deviceId, oauth }, offer, context);
  }
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
  const asToken = () => enter({ kind: "token", tokens: { accessToken: secret.trim() } }, offer, context);
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
        initial_device_display_name: deviceName,
        refresh_token: true,
      }),
    });
    const tokens = tokensOf(answer, Date.now());
    if (tokens === undefined) return "The homeserver answered without a token.";
    return await enter({ kind: "password", tokens }, offer, context);
  } catch (error) {
    if (!(error instanceof MatrixError) || error.code !== "M_FORBIDDEN") throw error;
    return `${new URL(offer.baseUrl).host} does not accept this user and password.`;
  }
}
