import { describe, expect, test } from "vitest";
import { forbiddenImports } from "./imports.ts";
import { sourceFiles, withoutComments } from "./sources.ts";

describe("the sources", () => {
  const files = sourceFiles("src", "bridges");

  test("import only what the table in ARCHITECTURE.md allows", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(forbiddenImports(files)).toEqual([]);
  });

  test("read the environment in src/config only", () => {
    const readers = files.filter(({ text }) =>
      /\bprocess\.env\b|\bimport\s*\{[^}]*\benv\b[^}]*\}\s*from\s*"node:process"/.test(withoutComments(text)),
    );
    expect(readers.map(({ path }) => path)).toEqual(["src/config/environment.ts"]);
  });

  test("set timers in src through the clock only", () => {
    const users = files.filter(({ path, text }) => path.startsWith("src/") && usesTimers(withoutComments(text)));
    // Bridges get no clock: the conformance suite waits in real time, and so does what it shares with them.
    expect(users.map(({ path }) => path).sort()).toEqual([
      "src/bridge/harness.ts",
      "src/bridge/test-kit.ts",
      "src/bridge/waiting.ts",
      "src/clock.ts",
    ]);
  });
});

// A method of something (`clock.setTimeout(`) or a declaration (`setTimeout(run: …)`) is not the global one.
function usesTimers(code: string): boolean {
  const calls = /(?<![.\w])(?:globalThis\.)?set(?:Timeout|Interval)\((?!\w+\??:)/;
  return calls.test(code) || /["']node:timers/.test(code);
}

describe("the import rule", () => {
  const offence = (path: string, specifier: string) =>
    forbiddenImports([{ path, text: `import { x } from "${specifier}";` }]);

  test.each([
    ["src/gateway/lanes.ts", "../xmpp/jid.ts", "src/xmpp/jid.ts"],
    ["src/gateway/lanes.ts", "../store/sqlite.ts", "src/store/sqlite.ts"],
    ["src/gateway/lanes.ts", "ltx", "ltx"],
    ["src/bridge/verbs.ts", "../gateway/ports.ts", "src/gateway/ports.ts"],
    ["src/xmpp/link.ts", "kysely", "kysely"],
    ["src/xmpp/link.ts", "../main.ts", "src/main.ts"],
    ["src/store/sqlite.ts", "../gateway/lanes.ts", "src/gateway/lanes.ts"],
    ["src/web/server.ts", "../gateway/gateway.ts", "src/gateway/gateway.ts"],
    ["src/web/server.ts", "../net/guarded-fetch.ts", "src/net/guarded-fetch.ts"],
    ["src/net/guarded-fetch.ts", "../gateway/ports.ts", "src/gateway/ports.ts"],
    ["src/gateway/sessions.ts", "../net/guarded-fetch.ts", "src/net/guarded-fetch.ts"],
    ["src/gateway/sessions.ts", "hono", "hono"],
    ["bridges/email/discovery.ts", "../../src/net/guarded-fetch.ts", "src/net/guarded-fetch.ts"],
    ["bridges/email/session.ts", "../matrix/index.ts", "bridges/matrix/index.ts"],
    ["bridges/email/session.ts", "../../src/bridge/index.ts", "src/bridge/index.ts"],
    ["bridges/email/session.ts", "@xmpp/component-core", "@xmpp/component-core"],
    ["bridges/toy/index.ts", "imapflow", "imapflow"],
  ])("refuses %s importing %s", (path, specifier, target) => {
    expect(offence(path, specifier)).toEqual([`${path} imports ${target}`]);
  });

  test("sees dynamic imports, re-exports and imports for their effect", () => {
    const text = `export * from "../xmpp/a.ts"; await import("../store/b.ts"); import "../web/c.ts"; // from "../xmpp/d.ts"`;
    expect(forbiddenImports([{ path: "src/gateway/x.ts", text }])).toEqual([
      "src/gateway/x.ts imports src/xmpp/a.ts",
      "src/gateway/x.ts imports src/store/b.ts",
      "src/gateway/x.ts imports src/web/c.ts",
    ]);
  });

  test.each([
    ["src/gateway/lanes.ts", "#bridge"],
    ["src/xmpp/link.ts", "../gateway/ports.ts"],
    ["src/xmpp/link.ts", "ltx"],
    ["bridges/email/session.ts", "imapflow"],
    ["bridges/email/session.ts", "#bridge"],
    ["src/web/server.ts", "#bridge"],
    ["src/web/server.ts", "@hono/node-server"],
    ["src/net/guarded-fetch.ts", "#bridge"],
    ["src/main.ts", "./store/sqlite.ts"],
    ["src/cli.ts", "./main.ts"],
  ])("allows %s importing %s", (path, specifier) => {
    expect(offence(path, specifier)).toEqual([]);
  });
});

describe("the timer rule", () => {
  test.each([
    "setTimeout(run, 5)",
    "globalThis.setInterval(f, 1)",
    'import { setTimeout as sleep } from "node:timers/promises"',
  ])("sees %s", (code) => {
    expect(usesTimers(code)).toBe(true);
  });

  test("lets the clock's own methods pass", () => {
    expect(usesTimers("clock.setTimeout(run, 5); interface C { setTimeout(run: () => void): void }")).toBe(false);
  });
});
