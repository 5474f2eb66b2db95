// The last step of every sign-in: whose the tokens are. Nothing is stored before the server has said so.
import type { Answers, LoginContext, SignedIn, Visit } from "#bridge";
import { type Api, createApi } from "./api.ts";
import { type LoginKind, type MatrixCredentials, renewalOf, type Tokens } from "./credentials.ts";
import type { Wanted } from "./discovery.ts";
import { MatrixError } from "./errors.ts";
import { textAt } from "./json.ts";
import { revoke } from "./oauth.ts";

/** How the gateway is called among the devices of an account. */
export const deviceName = "Viaduct (XMPP gateway)";

/** What a way in has led to. */
export interface Entry {
  readonly kind: LoginKind;
  readonly tokens: Tokens;
  /** Where it was we who named the device. */
  readonly deviceId?: string;
  readonly oauth?: NonNullable<MatrixCredentials["oauth"]>;
}

/** A way in that leads through the user's browser. */
export interface BrowserWay {
  /** One time there and back; an earlier one is void. */
  begin(): Visit;
  /** The browser is back. @returns what it brought, or one sentence about what went wrong. @throws as `requestJson` */
  finish(answers: Answers): Promise<Entry | string>;
}

/**
 * Asks the server whose the tokens are: it must be the account that was named, where one was. Tokens that are of no use are
 * given back, unless they are the user's own.
 * @returns the result, or one sentence about what is wrong
 */
export async function enter(
  entry: Entry,
  { baseUrl, wanted }: { readonly baseUrl: string; readonly wanted: Wanted },
  context: LoginContext<unknown>,
): Promise<SignedIn<MatrixCredentials> | string> {
  const { kind, tokens, oauth } = entry;
  const fixed = { current: () => Promise.resolve(tokens.accessToken), renew: () => Promise.resolve(false) };
  const api = createApi({ baseUrl, fetch: context.fetch, signal: context.signal, tokens: fixed });
  try {
    const answer = await api.request("GET", ["v3", "account", "whoami"]);
    const userId = textAt(answer, "user_id");
    const wrong = whatIsWrong(userId, wanted);
    if (userId === undefined || wrong !== undefined) {
      await giveBack(entry, baseUrl, api, context);
      return wrong ?? "";
    }
    const { accessToken, refreshToken, expiresAt } = tokens;
    const credentials: MatrixCredentials = {
      kind,
      baseUrl,
      userId,
      deviceId: textAt(answer, "device_id") ?? entry.deviceId ?? "",
      accessToken,
      ...renewalOf(refreshToken, expiresAt),
      ...(oauth === undefined ? {} : { oauth }),
    };
    return { self: userId, credentials };
  } catch (error) {
    if (!(error instanceof MatrixError) || error.status !== 401) throw error;
    return "The homeserver does not accept this access token.";
  }
}

function whatIsWrong(userId: string | undefined, wanted: Wanted): string | undefined {
  if (!userId || !/^@[^:]*:.+$/s.test(userId) || userId.length > 255)
    return "The homeserver did not say whose account this is.";
  if (wanted.userId !== undefined && wanted.userId.toLowerCase() !== userId.toLowerCase())
    return `That belongs to ${userId}, not to ${wanted.userId}.`;
  if (wanted.localpart !== undefined && !userId.toLowerCase().startsWith(`@${wanted.localpart.toLowerCase()}:`))
    return `That belongs to ${userId}, not to ${wanted.localpart}.`;
  return undefined;
}

/** Or the wrong account would have a device that nobody knows of. */
async function giveBack(entry: Entry, baseUrl: string, api: Api, context: LoginContext<unknown>): Promise<void> {
  if (entry.kind === "token") return;
  try {
    if (entry.oauth === undefined) await api.request("POST", ["v3", "logout"], { body: {} });
    else await revoke(baseUrl, entry.tokens.accessToken, entry.oauth.clientId, context);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.warn({ baseUrl, err: error }, "a login of the wrong account was not given back");
  }
}
