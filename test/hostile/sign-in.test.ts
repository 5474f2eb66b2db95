// The page of a sign-in among strangers (security.md H06, H08, H11).
import { describe, expect, test } from "vitest";
import type { Answers, Prompt } from "#bridge";
import { type Dialogue, Dialogs } from "../../src/gateway/dialogs.ts";
import { Pages } from "../../src/gateway/pages.ts";
import { createTestClock } from "../kit/clock.ts";
import { publicUrl, startWebServer } from "../web/web-setup.ts";

const alice = "alice@localhost";
const { origin } = new URL(publicUrl);

/** A sign-in that hears everything and never ends, behind a page. */
async function setUp(more: Partial<Prompt> = {}) {
  const dialogs = new Dialogs(createTestClock(), 5);
  const pages = new Pages({ dialogs, publicUrl, mayUse: () => true, say: async () => {} });
  const page = pages.open("toy", alice);
  const heard: Answers[] = [];
  async function* asking(): Dialogue {
    const fields: Prompt["fields"] = [{ name: "password", label: "Password", kind: "secret", required: true }];
    for (;;) heard.push(yield { title: "Sign in", instructions: "", fields, page: page?.link ?? "", ...more });
  }
  await dialogs.start("chat", alice, asking());
  const { port } = await startWebServer({ pages });
  const path = new URL(page?.link ?? "").pathname.slice("/gateway".length);
  const at = `http://127.0.0.1:${port}`;
  const ask = (method: string, headers: Record<string, string> = {}, body?: string, to = path) =>
    fetch(`${at}${to}`, { method, headers, redirect: "manual", ...(body === undefined ? {} : { body }) });
  const agree = async (): Promise<string> => {
    const answer = await ask("POST", { origin });
    return /^[^;]+/.exec(answer.headers.get("set-cookie") ?? "")?.[0] ?? "";
  };
  return { heard, ask, agree, pages, path };
}

describe("H11: a form elsewhere cannot press the buttons of the page", () => {
  test.each([{}, { origin: "https://evil.example" }, { origin: "null" }, { origin: `${origin}.evil.example` }])(
    "sent with %j",
    async (headers) => {
      const { ask, agree, heard } = await setUp();
      const claim = await ask("POST", headers);
      expect([claim.status, claim.headers.get("set-cookie")]).toEqual([403, null]);
      const cookie = await agree();
      const forged = await ask("POST", { ...headers, cookie }, "password=mine");
      expect([forged.status, heard]).toEqual([403, []]);
      expect((await ask("POST", { origin, cookie }, "password=right")).status).toBe(200);
      expect(heard).toEqual([{ password: "right" }]);
    },
  );

  test("no page is shown in a frame, kept, or told of elsewhere, and none runs a script", async () => {
    const { ask, agree } = await setUp();
    const cookie = await agree();
    const wrong = "/sign-in/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const shown = [
      await ask("GET"),
      await ask("GET", { cookie }),
      await ask("POST", { cookie, origin }, "password="),
      await ask("GET", {}, undefined, wrong),
      await ask("GET", {}, undefined, "/sign-in/return?state=x"),
    ];
    for (const { headers } of shown) {
      expect(headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; style-src 'sha256-[\w+/]+=*'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
      );
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("referrer-policy")).toBe("same-origin");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});

describe("H06: who has no business with a page gets nothing out of it", () => {
  test("programs that look at links for a preview do not use it up", async () => {
    const { ask } = await setUp();
    for (const method of ["GET", "HEAD", "GET"]) {
      const answer = await ask(method);
      expect([answer.status, answer.headers.get("set-cookie")]).toEqual([200, null]);
    }
    expect((await ask("POST", { origin })).status).toBe(303);
  });

  test("the cookie of the browser is for this host alone, unreadable for scripts, and short-lived", async () => {
    const { ask, path } = await setUp();
    const answer = await ask("POST", { origin });
    expect(answer.headers.get("set-cookie")).toMatch(
      /^__Host-viaduct=[\w-]{32}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=900; Secure$/,
    );
    expect(answer.headers.get("location")).toBe(`${publicUrl.slice(0, -1)}${path}`);
  });

  test("a second browser is turned away, whatever cookie it makes up", async () => {
    const { ask, agree, heard } = await setUp();
    const cookie = await agree();
    for (const other of [
      "",
      "__Host-viaduct=",
      `__Host-viaduct=${"x".repeat(32)}`,
      `${cookie}x`,
      `viaduct=${"x".repeat(32)}`,
    ]) {
      expect((await ask("GET", { cookie: other })).status).toBe(403);
      expect((await ask("POST", { origin, cookie: other }, "password=mine")).status).toBe(403);
    }
    expect(heard).toEqual([]);
  });

  test.each([
    "/sign-in/",
    "/sign-in",
    "/sign-in/__proto__",
    "/sign-in/constructor",
    "/sign-in/%00",
    "/sign-in/..%2f..%2fetc",
    "/sign-in/return",
    "/sign-in/return?state=__proto__&code=x",
    `/sign-in/${"a".repeat(4_000)}`,
  ])("%s is not found", async (to) => {
    const { ask } = await setUp();
    expect((await ask("GET", {}, undefined, to)).status).toBe(404);
  });

  test("other methods are not found", async () => {
    const { ask, heard } = await setUp();
    for (const method of ["PUT", "DELETE", "OPTIONS", "PATCH"])
      expect((await ask(method, { origin })).status).toBe(404);
    expect(heard).toEqual([]);
  });

  test("a form that is too long is refused", async () => {
    const { ask, agree, heard } = await setUp();
    const cookie = await agree();
    expect((await ask("POST", { origin, cookie }, `password=${"x".repeat(20_000)}`)).status).toBe(413);
    expect(heard).toEqual([]);
  });
});

describe("texts of a stranger's server", () => {
  const nasty = `<script>alert(1)</script>"'&`;
  test("are shown as they are", async () => {
    const { ask, agree } = await setUp({
      title: nasty,
      instructions: nasty,
      error: nasty,
      fields: [
        { name: nasty, label: nasty, kind: "text", required: false, value: nasty },
        { name: "c", label: nasty, kind: "choice", required: false, choices: [{ value: nasty, label: nasty }] },
      ],
    });
    const consent = await (await ask("GET")).text();
    const page = await (await ask("GET", { cookie: await agree() })).text();
    for (const html of [consent, page]) {
      expect(html).not.toContain("<script");
      expect(html).not.toMatch(/="[^"]*<script/);
    }
    expect(page).toContain('value="&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"');
  });

  test("are links only where they name a page, which is not told where its visitor comes from", async () => {
    const instructions = `Open https://auth.example/link?a=1&b="><script>. Or javascript:alert(1), http://auth.example/.`;
    const { ask, agree } = await setUp({ instructions });
    const html = await (await ask("GET", { cookie: await agree() })).text();
    expect(html.match(/<a .*?<\/a>/g)).toEqual([
      '<a href="https://auth.example/link?a=1&amp;b=" rel="noreferrer">https://auth.example/link?a=1&amp;b=</a>',
    ]);
    expect(html).not.toContain("<script");
  });

  test.each(["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "xmpp:a@b"])(
    "lead to no %s",
    async (address) => {
      const { ask, agree } = await setUp({ visit: { url: new URL(address), returns: [] } });
      const html = await (await ask("GET", { cookie: await agree() })).text();
      expect(html).not.toContain("<a ");
      expect(html).not.toContain(address);
    },
  );
});

test("H08: the Host header and its relatives say nothing about where the browser goes", async () => {
  const { ask } = await setUp();
  const answer = await ask("POST", { origin, host: "evil.example", "x-forwarded-host": "evil.example" });
  expect(answer.headers.get("location")).toContain(`${origin}/`);
});
