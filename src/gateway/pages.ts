// The web page of a sign-in. The user opens its link in a browser, and answers there what the dialogue asks, or is sent on to
// the network and back. The link cannot be guessed, serves the first browser whose user agrees, and ends with the dialogue
// (docs/decisions/0012-sign-in-in-the-browser.md).
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Answers, Browser } from "#bridge";
import type { Dialogs, Question, Step } from "./dialogs.ts";
import { GatewayError } from "./errors.ts";
import type { PageStep, PageView, SignInPages } from "./web-ports.ts";

export interface PagesOptions {
  readonly dialogs: Dialogs;
  /** Ends in "/". Undefined: there is no web server, and no page. */
  readonly publicUrl: string | undefined;
  readonly mayUse: (bridge: string, user: string) => boolean;
  /** A line from the gateway to a user. */
  readonly say: (bridge: string, user: string, text: string) => Promise<void>;
}

/** The page of one sign-in under way. */
export interface OpenPage {
  readonly link: string;
  readonly browser: Browser;
  close(): void;
}

interface Page {
  readonly token: string;
  readonly link: string;
  readonly bridge: string;
  readonly user: string;
  /** The cookie of the browser that has the page. */
  holder: string | undefined;
  /** Of the visit that the browser may come back from. */
  state: string | undefined;
}

/** Of all users; each may have as many as dialogues. Above it the ways in that need no page are still there. */
const mostPages = 10_000;

/** 192 bits. */
const secret = (): string => randomBytes(24).toString("base64url");

export class Pages implements SignInPages {
  readonly #o: PagesOptions;
  readonly #byToken = new Map<string, Page>();
  readonly #byState = new Map<string, Page>();

  constructor(options: PagesOptions) {
    this.#o = options;
  }

  /** Undefined: there is no web server, or no room. */
  open(bridge: string, user: string): OpenPage | undefined {
    const { publicUrl } = this.#o;
    if (publicUrl === undefined || this.#byToken.size >= mostPages) return undefined;
    const token = secret();
    const link = `${publicUrl}sign-in/${token}`;
    const page: Page = { token, link, bridge, user, holder: undefined, state: undefined };
    this.#byToken.set(token, page);
    const newState = () => {
      const state = secret();
      this.#expect(page, state);
      return state;
    };
    return {
      link,
      browser: { returnUrl: new URL("sign-in/return", publicUrl), newState },
      close: () => {
        this.#expect(page, undefined);
        this.#byToken.delete(token);
      },
    };
  }

  look(token: string, browser: string | undefined): PageView | undefined {
    const page = this.#find(token);
    const open = page && this.#o.dialogs.onPage(page.link);
    if (page === undefined || open === undefined) return undefined;
    const { user } = page;
    const { prompt } = open;
    if (page.holder === undefined) return { user, title: prompt.title, hold: "free" };
    return isHolder(page, browser) ? { user, hold: "yours", prompt } : { user, hold: "taken" };
  }

  claim(token: string, browser: string): boolean {
    const page = this.#find(token);
    if (page === undefined || page.holder !== undefined) return false;
    page.holder = browser;
    return true;
  }

  async answer(token: string, browser: string | undefined, answers: Answers): Promise<PageStep | undefined> {
    const page = this.#find(token);
    if (page === undefined || !isHolder(page, browser)) return undefined;
    return this.#goOn(page, (id) => this.#o.dialogs.answer(id, page.user, answers));
  }

  async comeBack(state: string, browser: string | undefined, parameters: Answers): Promise<PageStep | undefined> {
    const token = this.#byState.get(state)?.token;
    const page = token === undefined ? undefined : this.#find(token);
    // Another browser's user may have been led here: nothing happens, and the right one can still come.
    if (page === undefined || !isHolder(page, browser)) return undefined;
    const returns = this.#o.dialogs.onPage(page.link)?.prompt.visit?.returns;
    if (!returns?.some((name) => parameters[name] !== undefined)) return undefined;
    this.#expect(page, undefined);
    const step = await this.#goOn(page, (id) => this.#o.dialogs.comeBack(id, page.user, parameters));
    // Not looked at yet: the same way back is good once more.
    if (step !== undefined && "busy" in step && page.state === undefined) this.#expect(page, state);
    return step;
  }

  async #goOn(page: Page, run: (id: string) => Promise<Step>): Promise<PageStep | undefined> {
    const { dialogs, say } = this.#o;
    const { user, bridge } = page;
    const open = dialogs.onPage(page.link);
    if (open === undefined) return undefined;
    const here = { user, page: page.link };
    try {
      const step = await run(open.id);
      if (!("done" in step)) return { ...here, prompt: step.prompt };
      dialogs.leaveLastWord(open.id, user, step.done);
      await say(bridge, user, step.done);
      return { ...here, done: step.done };
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (dialogs.has(open.id)) return { ...here, busy: error.message };
      await say(bridge, user, error.message);
      return { ...here, failed: error.message };
    }
  }

  #find(token: string): Page | undefined {
    const page = this.#byToken.get(token);
    return page && this.#o.mayUse(page.bridge, page.user) ? page : undefined;
  }

  /** From now on the browser may come back with this state, and with no other. */
  #expect(page: Page, state: string | undefined): void {
    if (page.state !== undefined) this.#byState.delete(page.state);
    page.state = state;
    if (state !== undefined) this.#byState.set(state, page);
  }
}

const isHolder = ({ holder }: Page, browser: string | undefined): boolean =>
  holder !== undefined && browser !== undefined && same(holder, browser);

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** What a form or a chat says above its fields: the prompt's instructions, and the page where there is one. */
export function instructionsOf({ page, visit, instructions, fields }: Question): string {
  if (page === undefined) return instructions;
  if (visit !== undefined) return `Open ${page} in a browser to sign in at ${visit.url.host}. ${instructions}`.trim();
  const wantsSecret = fields.some(({ kind }) => kind === "secret");
  return wantsSecret ? `${instructions} ${pageHint(page)}`.trim() : instructions;
}

export const pageHint = (page: string): string => `You can also do this in a browser: ${page}`;
