// What a homeserver offers to who wants to sign in, and the question that comes of it. The order is that of trust: in the
// browser no secret passes through us.
import type { Field, LoginContext, Prompt, Visit } from "#bridge";
import { requestJson, urlOf } from "./api.ts";
import { hasCodeGrant, startCodeGrant } from "./code-grant.ts";
import { type DeviceGrant, hasDeviceGrant, startDeviceGrant } from "./device-grant.ts";
import type { Wanted } from "./discovery.ts";
import type { BrowserWay } from "./entry.ts";
import { listAt, textAt } from "./json.ts";
import { findOAuthServer } from "./oauth.ts";
import type { MatrixOptions } from "./options.ts";
import { startSso } from "./sso.ts";

/** A token can always be pasted. */
export interface Offer {
  readonly baseUrl: string;
  readonly wanted: Wanted;
  readonly grant: DeviceGrant | undefined;
  /** Only without a device grant. */
  readonly browserWay: BrowserWay | undefined;
  readonly password: boolean;
}

/** @throws as `requestJson` */
export async function lookAtOffer(
  baseUrl: string,
  wanted: Wanted,
  context: LoginContext<MatrixOptions>,
): Promise<Offer> {
  const answer = await requestJson(context, urlOf(baseUrl, ["_matrix", "client", "v3", "login"]), {
    method: "GET",
    headers: {},
  });
  const flows = listAt(answer, "flows").map((flow) => textAt(flow, "type"));
  const { grant, browserWay } = await lookAtOAuth(baseUrl, context);
  const { browser } = context;
  const sso = browser && grant === undefined && flows.includes("m.login.sso");
  return {
    baseUrl,
    wanted,
    grant,
    browserWay: browserWay ?? (sso ? startSso(baseUrl, browser, context) : undefined),
    password: flows.includes("m.login.password"),
  };
}

/** The device grant where there is one: it needs no way back, and works on another machine than the user's client. */
async function lookAtOAuth(
  baseUrl: string,
  context: LoginContext<MatrixOptions>,
): Promise<Pick<Partial<Offer>, "grant" | "browserWay">> {
  const { browser, log, signal } = context;
  const { clientUri } = context.options.accounts;
  try {
    const server = await findOAuthServer(baseUrl, context);
    if (server === undefined) return {};
    if (hasDeviceGrant(server)) return { grant: await startDeviceGrant(server, clientUri, context) };
    if (browser === undefined || !hasCodeGrant(server)) return {};
    return { browserWay: await startCodeGrant(server, clientUri, browser, context) };
  } catch (error) {
    signal.throwIfAborted();
    // The other ways in are still there.
    log.warn({ baseUrl, err: error }, "no OAuth sign-in at this homeserver");
    return {};
  }
}

/** @param visit where the browser can go, where there is a way through it */
export function offerPrompt(offer: Offer, visit: Visit | undefined, error: string | undefined): Prompt {
  const { grant, password } = offer;
  const inBrowser = grant !== undefined || visit !== undefined;
  const ways: string[] = [];
  if (grant !== undefined) {
    ways.push(
      `Open ${grant.link} in a browser, check that it shows the code ${grant.code}, and allow the sign-in. Then go on here, with nothing filled in.`,
    );
  }
  if (password) ways.push(`${inBrowser ? "Or give" : "Give"} your password.`);
  ways.push(
    `${inBrowser || password ? "Or give" : "Give"} an access token, made in another client for this gateway alone; encrypted chats cannot be read with one.`,
  );
  // One field for both: in a chat each field is a question of its own.
  const label = password ? "Password or access token" : "Access token";
  const fields: Field[] = [{ name: "password", label, kind: "secret", required: !inBrowser }];
  return {
    title: `Sign in at ${new URL(offer.baseUrl).host}`,
    instructions: ways.join(" "),
    fields,
    ...(visit === undefined ? {} : { visit }),
    ...(error === undefined ? {} : { error }),
  };
}
