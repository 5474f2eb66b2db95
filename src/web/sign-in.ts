// /sign-in/<token>: the page of a sign-in, and /sign-in/return: where a network sends the browser back to. Looking changes
// nothing, since programs that make previews look too; what changes something needs a form of our own (security.md H11).
import { randomBytes } from "node:crypto";
import { getCookie } from "hono/cookie";
import type { Context } from "hono";
import type { PageStep, SignInPages } from "../gateway/web-ports.ts";
import { BodyTooLarge, upTo } from "./body.ts";
import { consentPage, lastPage, promptPage } from "./sign-in-html.ts";
import { busy, createTurnstile } from "./turnstile.ts";

export interface SignInOptions {
  readonly pages: SignInPages;
  /** What the public calls this server; ends in "/". */
  readonly publicUrl: string;
}

export interface SignIn {
  show(context: Context, token: string): Promise<Response>;
  submit(context: Context, token: string): Promise<Response>;
  comeBack(context: Context): Promise<Response>;
}

/** Bytes of a form: a long password or token, and to spare. */
const mostBytes = 16 * 1024;
/** Answers under way, each of which may ask the network, and those of one page. */
const most = { most: 64, mostPerName: 2 };
/** Seconds that a browser keeps its secret; longer than a page lives without an answer. */
const cookieLife = 15 * 60;
const secretShape = /^[\w-]{32}$/;

export function createSignIn({ pages, publicUrl }: SignInOptions): SignIn {
  const enter = createTurnstile(most);
  const { origin, protocol } = new URL(publicUrl);
  const secure = protocol === "https:";
  // With this prefix no other host of the same domain can set it.
  const cookieName = secure ? "__Host-viaduct" : "viaduct";
  const addressOf = (token: string) => `${publicUrl}sign-in/${token}`;

  /** The secret of the browser that asks. */
  function browserOf(context: Context): string | undefined {
    const value = getCookie(context, cookieName);
    return value !== undefined && secretShape.test(value) ? value : undefined;
  }

  /** The user has agreed: from now on the page is this browser's. */
  async function claim(context: Context, token: string): Promise<Response> {
    const browser = browserOf(context) ?? randomBytes(24).toString("base64url");
    if (!pages.claim(token, browser)) return over();
    const cookie = `${cookieName}=${browser}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${cookieLife}${secure ? "; Secure" : ""}`;
    const headers = { "set-cookie": cookie, location: addressOf(token), "cache-control": "no-store" };
    return new Response(null, { status: 303, headers });
  }

  async function answered(step: PageStep | undefined): Promise<Response> {
    if (step === undefined) return over();
    if ("done" in step) return page(200, lastPage("Signed in", `${step.done} You can close this page.`));
    if ("failed" in step) return page(403, lastPage("Not signed in", `${step.failed} Send "login" to begin again.`));
    if ("busy" in step) return page(503, lastPage("One moment", `${step.busy} Load this page again.`));
    return page(200, promptPage(step.prompt, step.user, step.page));
  }

  async function within(name: string, work: () => Promise<Response>): Promise<Response> {
    const leave = enter(name);
    if (leave === undefined) return busy(5);
    return work().finally(leave);
  }

  return {
    async show(context, token) {
      const view = pages.look(token, browserOf(context));
      if (view === undefined) return over();
      if (view.hold === "taken") return taken();
      if (view.hold === "free") return page(200, consentPage(view.title, view.user));
      return page(200, promptPage(view.prompt, view.user, addressOf(token)));
    },
    async submit(context, token) {
      // Set by the browser, and by no page: a form elsewhere must not press the button.
      if (context.req.header("origin") !== origin) return taken();
      const browser = browserOf(context);
      const view = pages.look(token, browser);
      if (view === undefined) return over();
      if (view.hold === "taken") return taken();
      if (view.hold === "free") return claim(context, token);
      return within(token, async () => {
        const answers = await readForm(context.req.raw);
        return answers === undefined ? tooLarge() : answered(await pages.answer(token, browser, answers));
      });
    },
    comeBack(context) {
      const { searchParams } = new URL(context.req.url);
      const state = searchParams.get("state") ?? "";
      return within(state, async () =>
        answered(await pages.comeBack(state, browserOf(context), Object.fromEntries(searchParams))),
      );
    },
  };
}

/** Undefined: too large. */
async function readForm({ body }: Request): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const text = body === null ? "" : await new Response(upTo(mostBytes, body)).text();
    return Object.fromEntries(new URLSearchParams(text));
  } catch (error) {
    if (error instanceof BodyTooLarge) return undefined;
    throw error;
  }
}

async function page(status: number, document: Promise<string>): Promise<Response> {
  const headers = { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" };
  return new Response(await document, { status, headers });
}

const over = () =>
  page(404, lastPage("This page is over", 'It was used already, or it is too old. Send "login" to the gateway again.'));
const taken = () =>
  page(
    403,
    lastPage("Not in this browser", 'This page was opened in another browser. Go on there, or send "login" again.'),
  );
const tooLarge = () => page(413, lastPage("Too long", "That is longer than any password."));
