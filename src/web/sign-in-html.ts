// What a browser shows of a sign-in. No scripts, nothing from elsewhere; every text is escaped by the template.
import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import type { Field, Prompt } from "#bridge";

const style = `
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: #222; background: #f4f4f1 }
main { max-width: 34rem; margin: 4vh auto; padding: 1rem 1.5rem 1.5rem; background: #fff; border-radius: .5rem }
h1 { font-size: 1.3rem } strong { overflow-wrap: anywhere }
label { display: block; margin: 1rem 0 }
input, select { display: block; box-sizing: border-box; width: 100%; padding: .4rem; font: inherit }
button, a.go { display: inline-block; padding: .5rem 1.2rem; border: 0; border-radius: .3rem; font: inherit; color: #fff; background: #1a5fb4; text-decoration: none }
.error { padding: .5rem .8rem; border-left: .3rem solid #c01c28; background: #fbeceb }
`;

/** For these pages alone: forms to ourselves and the style above, and no other page around them (security.md H11). */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

type Part = ReturnType<typeof html> | string;

/** A whole document. */
async function document(title: string, ...parts: readonly Part[]): Promise<string> {
  return String(
    await html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>${title}</title><style>${raw(style)}</style></head>
<body><main><h1>${title}</h1>
${parts}
</main></body>
</html>
`,
  );
}

/** Before anything: whose sign-in this is. A link can be sent to somebody else. */
export const consentPage = (title: string, user: string): Promise<string> =>
  document(
    title,
    html`<p>The account that is signed in here will belong to <strong>${user}</strong> on XMPP, who can then read its messages and write in its name.</p>
<p>Go on only if that is your own XMPP address and you have just asked the gateway to sign you in. If somebody sent you this link, close this page.</p>
<form method="post"><button>I am ${user}: go on</button></form>`,
  );

/** A question of the dialogue. Posted to the address that the page has. */
export const promptPage = (prompt: Prompt, user: string, action: string): Promise<string> =>
  document(
    prompt.title,
    html`<p>For <strong>${user}</strong> on XMPP.</p>`,
    prompt.error === undefined ? "" : html`<p class="error">${prompt.error}</p>`,
    prompt.visit === undefined ? "" : visitLink(prompt.visit.url),
    prompt.instructions === "" ? "" : html`<p>${withLinks(prompt.instructions)}</p>`,
    html`<form method="post" action="${action}">${prompt.fields.map(field)}<button>Go on</button></form>`,
  );

/** The end, whichever it is. */
export const lastPage = (title: string, text: string): Promise<string> => document(title, html`<p>${text}</p>`);

/** A device grant (RFC 8628) names a page to open. */
const withLinks = (text: string): Part[] =>
  text
    .split(/(https:\/\/[^\s<>"]*[^\s<>".,;:!?)])/)
    .map((part, index) => (index % 2 === 0 ? part : html`<a href="${part}" rel="noreferrer">${part}</a>`));

function visitLink(url: URL): Part {
  // Some of these addresses are a stranger's: nothing but web pages is linked to.
  if (!/^https?:$/.test(url.protocol)) return "";
  return html`<p><a class="go" href="${url.href}" rel="noreferrer">Sign in at ${url.host}</a></p>`;
}

function field({ name, label, kind, required, value = "", choices = [] }: Field): Part {
  const must = required ? raw(" required") : "";
  if (kind === "choice") {
    const options = choices.map(
      (one) => html`<option value="${one.value}"${one.value === value ? raw(" selected") : ""}>${one.label}</option>`,
    );
    return html`<label>${label}<select name="${name}"${must}>${options}</select></label>`;
  }
  const type = kind === "secret" ? "password" : "text";
  return html`<label>${label}<input name="${name}" type="${type}" value="${value}" autocomplete="off"${must}></label>`;
}
