// What the README promises: the demo tells its story and ends well, and every command and example in it works.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../architecture/sources.ts";
import { ensureInstalled } from "../lab/install.ts";

const page = (name: string): string => readFileSync(join(root, name), "utf8");
/** The fenced blocks of a page in a language. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, kind, content]) =>
    kind === language && content !== undefined ? [content] : [],
  );

describe("the demo", () => {
  // What is missing on a machine is installed first, which the story's own minute is not for.
  beforeAll(() => ensureInstalled(["prosody", "dovecot", "postfix", "synapse"]), 600_000);

  it("tells each chapter on real servers and ends with 0, within a minute", async () => {
    const run = promisify(execFile)(process.execPath, [join(root, "demo/main.ts"), "--once"], { timeout: 60_000 });
    const { stdout, stderr } = await run;
    expect(stderr).toBe("");
    const chapters = [...stdout.matchAll(/^== (.*)$/gm)].map(([, title]) => title);
    expect(chapters).toEqual([
      "Viaduct: email and Matrix in an XMPP client, on real servers",
      "The configuration of Viaduct, whole",
      "Alice signs in with her mail account, by chat (a command window does the same)",
      "Alice adds bob@example.test as a contact",
      "Alice writes to Bob",
      "Bob answers in his mail program",
      "Alice mistypes an address",
      "Carol has no mail account: the operator's mail domain gives her carol@mail.localhost",
      "Alice signs in with her Matrix account, by chat",
      "Alice writes to @ann:matrix.test, who has never heard of XMPP",
      "Ann reacts, and corrects herself",
      "Ann sends a picture, and Alice opens it",
      "Ann and Bea have a room, and Alice comes in",
      "Bea begins an encrypted chat with Alice",
      "Carol has no Matrix account: the operator's application service makes her a user of the homeserver",
      expect.stringMatching(/^The story took \d+\.\d s in all, servers included\.$/),
    ]);
    for (const line of [
      "sees on that very message: There is no mailbox nobody@example.test (550 5.1.1).",
      'in the same thread: an answer to her message "friday"',
      "gateway  Signed in as @alice:matrix.test.",
      'in the <strong>garden</strong>? 🌻","m.mentions":{},"msgtype":"m.text"}',
      "sees it change to: I bring the tea",
      "opens it: image/png, 70 bytes, the very ones that Ann sent",
      "bea      sees in The garden: @alice:matrix.test Then let us make a salad.",
      "sees in the group chat: Bea: With basil!",
      "has of it: m.room.encrypted, m.megolm.v1.aes-sha2, ",
      "gets it from @_xmpp_carol=40localhost:matrix.test and answers",
    ])
      expect(stdout).toContain(line);
  });
});

describe("the README", () => {
  const readme = page("README.md");
  const [tryIt = "", install = ""] = blocks(readme, "").filter((block) => /^(npm|viaduct) /m.test(block));
  const [configuration = "", ejabberd = ""] = blocks(readme, "yaml");
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "viaduct-readme-"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** A line as a shell would run it, without its comment. */
  const viaduct = (line: string, more: readonly string[] = []): string => {
    const words = line.replace(/#.*/, "").trim().split(/\s+/);
    expect(words.shift()).toBe("viaduct");
    return execFileSync(process.execPath, [join(root, "src/cli.ts"), ...words, ...more], {
      cwd: dir,
      encoding: "utf8",
      timeout: 20_000,
      env: { PATH: "/usr/bin:/bin" },
    });
  };
  const withoutComments = (text: string): string =>
    text
      .split("\n")
      .map((line) => line.replace(/\s*(?:#|--).*/, ""))
      .filter((line) => line.trim() !== "")
      .join("\n");

  it("names npm scripts that exist", () => {
    const { scripts } = JSON.parse(page("package.json")) as { scripts: Record<string, string> };
    const named = [...tryIt.matchAll(/^npm (?:run )?(\w+)/gm)].map(([, name]) => name ?? "");
    expect(named).toEqual(["demo", "test"]);
    for (const name of named) expect(scripts).toHaveProperty(name);
  });

  it("shows commands that work, and the ten lines that `init` writes", () => {
    const lines = install.trim().split("\n");
    expect(lines.map((line) => line.split(/\s+/).slice(0, 2).join(" "))).toEqual([
      "npm install",
      "viaduct init",
      "viaduct check",
      "viaduct run",
    ]);
    expect(viaduct(lines[1] ?? "")).toContain("Next: viaduct check");
    expect(withoutComments(readFileSync(join(dir, "viaduct.yaml"), "utf8"))).toBe(withoutComments(configuration));
    // There is no XMPP server of example.org here.
    expect(viaduct(`${lines[2]?.split("#")[0]} --offline`)).toMatch(/^ok\nusers: everybody at example\.org\n/);
  });

  it("shows a configuration that `check` accepts as it stands, in ten lines", () => {
    expect(configuration.trim().split("\n").length).toBeLessThanOrEqual(10);
    writeFileSync(join(dir, "readme.yaml"), configuration, { mode: 0o600 });
    expect(viaduct("viaduct check --offline -c readme.yaml")).toMatch(/^ok\n/);
  });

  it("shows the lines for Prosody and ejabberd that `check --print` prints", () => {
    const secret = readFileSync(join(dir, "secret.txt"), "utf8").trim();
    const printed = (server: string) =>
      withoutComments(viaduct(`viaduct check --print ${server}`)).replaceAll(secret, "the content of secret.txt");
    const [prosody = ""] = blocks(readme, "lua");
    expect(printed("prosody")).toBe(withoutComments(prosody));
    expect(printed("ejabberd")).toBe(withoutComments(ejabberd));
  });

  it.each(blocks(page("docs/operator-guide.md"), "yaml").map((block, index) => ({ block, index })))(
    "leads to the operator's guide, whose configuration $index `check` accepts",
    ({ block }) => {
      const start = configuration.indexOf("bridges:");
      const [head, bridges] = [configuration.slice(0, start), configuration.slice(start)];
      const whole = `${head}${block}${/^bridges:/m.test(block) ? "" : bridges}`;
      writeFileSync(join(dir, "guide.yaml"), whole, { mode: 0o600 });
      expect(viaduct("viaduct check --offline -c guide.yaml")).toMatch(/^ok\n/);
    },
  );

  it("leads to the operator's guide, whose application service can be registered", () => {
    const guide = blocks(page("docs/operator-guide.md"), "yaml").find((block) => block.includes("serverName")) ?? "";
    const head = configuration.slice(0, configuration.indexOf("bridges:"));
    writeFileSync(join(dir, "service.yaml"), `${head}${guide}`, { mode: 0o600 });
    const printed = viaduct("viaduct matrix registration -c service.yaml");
    expect(printed).toContain("url: http://127.0.0.1:8080/bridges/matrix\n");
    expect(printed).toContain("sender_localpart: _xmpp_bot\n");
  });
});
