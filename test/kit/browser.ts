// A user's browser as far as sign-ins need one: it follows redirects, keeps cookies, fills in forms and says where they are
// from. What a test does with it a person could do.
export interface Shown {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
}

const mostRedirects = 10;

export class WebBrowser {
  /** By origin. Real browsers share them among ports; no test depends on that. */
  readonly cookies = new Map<string, Map<string, string>>();
  shown: Shown | undefined;

  /** Opens an address, as a click on a link in another program does. */
  open(url: string | URL): Promise<Shown> {
    return this.#go(new URL(url), "GET");
  }

  /** Presses the button of the page's only form. */
  submit(values: Readonly<Record<string, string>> = {}): Promise<Shown> {
    const { url, html } = this.#page();
    const [, attributes = ""] = /<form([^>]*)>/.exec(html) ?? [];
    if (!/method="post"/i.test(attributes)) throw new Error(`there is no form on ${url.pathname}:\n${html}`);
    const action = unescape(/action="([^"]*)"/.exec(attributes)?.[1] ?? "");
    return this.#go(action === "" ? url : new URL(action, url), "POST", new URLSearchParams(values), url.origin);
  }

  /** Follows the link whose address begins like this. */
  follow(start: string): Promise<Shown> {
    return this.open(this.link(start));
  }

  /** The address of the link that begins like this, on the page shown. */
  link(start: string): string {
    const { url, html } = this.#page();
    const found = [...html.matchAll(/<a [^>]*href="([^"]+)"/g)].map(([, href = ""]) => unescape(href));
    const link = found.find((href) => href.startsWith(start));
    if (link === undefined) throw new Error(`no link to ${start} on ${url.pathname}:\n${html}`);
    return link;
  }

  #page(): Shown {
    if (this.shown === undefined) throw new Error("no page is open");
    return this.shown;
  }

  async #go(url: URL, method: "GET" | "POST", body?: URLSearchParams, origin?: string): Promise<Shown> {
    for (let count = 0; count < mostRedirects; count++) {
      const isPost = method === "POST" && count === 0;
      const response = await fetch(url, {
        method: isPost ? "POST" : "GET",
        redirect: "manual",
        headers: { ...this.#cookieHeader(url), ...(isPost && origin !== undefined ? { origin } : {}) },
        ...(isPost && body !== undefined ? { body } : {}),
        signal: AbortSignal.timeout(20_000),
      });
      this.#keepCookies(url, response);
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) {
        this.shown = { url, status: response.status, headers: response.headers, html: await response.text() };
        return this.shown;
      }
      url = new URL(location, url);
    }
    throw new Error(`more than ${mostRedirects} redirects`);
  }

  #cookieHeader(url: URL): Record<string, string> {
    const kept = [...(this.cookies.get(url.origin) ?? [])].map(([name, value]) => `${name}=${value}`);
    return kept.length === 0 ? {} : { cookie: kept.join("; ") };
  }

  #keepCookies(url: URL, response: Response): void {
    const kept = this.cookies.get(url.origin) ?? new Map<string, string>();
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=;]+)=([^;]*)/.exec(line) ?? [];
      kept.set(name, value);
    }
    this.cookies.set(url.origin, kept);
  }
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#34": '"' };
const unescape = (text: string): string =>
  text.replace(/&([#\w]+);/g, (whole, name: string) => entities[name] ?? whole);

/** The link to the page of a sign-in that stands in a line of the gateway's. */
export function pageIn(line: string): string {
  const found = /https?:\/\/\S+\/sign-in\/[\w-]+/.exec(line)?.[0];
  if (found === undefined) throw new Error(`there is no link in: ${line}`);
  return found;
}
