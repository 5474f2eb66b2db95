// The command as an operator types it.
import { spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { systemClock } from "../../src/clock.ts";
import { createVault, loadKey } from "../../src/store/secrets.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { root } from "../architecture/sources.ts";
import { makeFolder, minimal } from "./fixtures.ts";

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function viaduct(folder: string, args: readonly string[], environment: Record<string, string> = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "src/cli.ts"), ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 15_000,
    env: { PATH: "/usr/bin:/bin", ...environment },
  });
  return { code: status, out: stdout.replaceAll(`${folder}/`, ""), err: stderr.replaceAll(`${folder}/`, "") };
}

describe("viaduct init", () => {
  test("writes ten lines that check finds right, and a secret that only its owner reads", async () => {
    const { path } = await makeFolder();
    expect(viaduct(path, ["init", "--domain", "example.net"])).toMatchObject({ code: 0, err: "" });
    expect((await readFile(join(path, "viaduct.yaml"), "utf8")).split("\n")).toHaveLength(11);
    for (const name of ["viaduct.yaml", "secret.txt"]) expect((await stat(join(path, name))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(path, "secret.txt"), "utf8")).toMatch(/^[\w-]{32}\n$/);
    expect(viaduct(path, ["check", "--offline"])).toEqual({
      code: 0,
      out: `ok
users: everybody at example.net
database: data/viaduct.db, key: data/viaduct.key (back up both)
email: connects to 127.0.0.1:5347 as email.example.net
matrix: connects to 127.0.0.1:5347 as matrix.example.net
`,
      err: "",
    });
  });

  test("takes the gateway's own domains", async () => {
    const { path } = await makeFolder();
    viaduct(path, ["init", "--jid", "mail.gw.example.net", "--matrix-jid", "m.gw.example.net"]);
    expect(viaduct(path, ["check", "--offline"]).out).toMatch(
      / as mail\.gw\.example\.net\n.* as m\.gw\.example\.net\n$/,
    );
  });

  test.each([
    ["email", "Email", "email: connects to 127.0.0.1:5347 as email.example.org\n"],
    ["matrix", "Matrix", "matrix: connects to 127.0.0.1:5347 as matrix.example.org\n"],
  ])("writes %s alone when told to", async (name, title, line) => {
    const { path } = await makeFolder();
    viaduct(path, ["init", "--only", name]);
    const written = parse(await readFile(join(path, "viaduct.yaml"), "utf8")) as { bridges: object };
    expect(Object.keys(written.bridges)).toEqual([name]);
    expect(viaduct(path, ["check", "--offline"]).out.split("(back up both)\n")[1]).toBe(line);
    expect(await readFile(join(path, "viaduct.yaml"), "utf8")).toMatch(new RegExp(`own domain for ${title}$`, "mi"));
  });

  test("overwrites nothing", async () => {
    const folder = await makeFolder();
    await folder.write("secret.txt", "precious\n");
    const ran = viaduct(folder.path, ["init"]);
    expect(ran).toEqual({
      code: 1,
      out: "",
      err: "secret.txt exists already: move it away, or name another file with -c.\n",
    });
    expect(await readFile(join(folder.path, "secret.txt"), "utf8")).toBe("precious\n");
    await expect(stat(join(folder.path, "viaduct.yaml"))).rejects.toThrow("ENOENT");
  });

  test("refuses a domain that is none", async () => {
    const { path } = await makeFolder();
    expect(viaduct(path, ["init", "--domain", "not a domain"]).err).toBe(
      "--domain must be a domain name such as example.org.\n",
    );
  });
});

describe("viaduct check", () => {
  test("names the mistakes and fails", async () => {
    const folder = await makeFolder();
    await folder.write("viaduct.yaml", minimal.replace("jid:", "jjid:"));
    expect(viaduct(folder.path, ["check"])).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(
        /^viaduct\.yaml:6:5: error: bridges\.email\.jjid: there is no such option\.\n {4}did you mean: jid\n[\s\S]*\n1 mistake in the configuration\n$/,
      ),
    });
  });

  test("takes overrides from the environment", async () => {
    const folder = await makeFolder();
    await folder.write("viaduct.yaml", minimal);
    expect(viaduct(folder.path, ["check", "--offline"], { VIADUCT_XMPP__SERVER: "127.0.0.1:9999" }).out).toContain(
      "127.0.0.1:9999",
    );
  });

  test("prints the secret only when asked for the server's lines", async () => {
    const folder = await makeFolder();
    await folder.write("viaduct.yaml", minimal);
    expect(viaduct(folder.path, ["check", "--offline"]).out).toMatch(/^ok\n(?![\s\S]*s3cret)/);
    expect(viaduct(folder.path, ["check", "--print", "prosody"]).out).toContain('component_secret = "s3cret"');
  });
});

describe("viaduct run", () => {
  test("without a configuration says what to do, the stack only with --debug", async () => {
    const { path } = await makeFolder();
    const sentence =
      "none.yaml: error: cannot read the configuration: there is no such file. `viaduct init` writes one to start from.\n1 mistake in the configuration\n";
    expect(viaduct(path, ["run", "-c", "none.yaml"])).toEqual({ code: 1, out: "", err: sentence });
    expect(viaduct(path, ["--debug", "run", "-c", "none.yaml"]).err).toMatch(/\n {4}at /);
  });
});

describe("viaduct matrix registration", () => {
  const matrix = (domain: string) => `xmpp: { server: "127.0.0.1:5347", domain: example.org }
web: { listen: "127.0.0.1:8080", publicUrl: "https://files.example.org/" }
bridges:
  matrix:
    jid: matrix.example.org
    secret: s3cret
${domain}`;
  const domain = `    domain: { homeserver: "http://127.0.0.1:8008", serverName: example.org, users: example.org }\n`;
  const registration = ["matrix", "registration"];

  test("prints the file for the homeserver, with the same tokens each time, and says what it is", async () => {
    const folder = await makeFolder();
    await folder.write("viaduct.yaml", matrix(domain));
    const first = viaduct(folder.path, registration);
    expect(first).toMatchObject({ code: 0, err: "" });
    expect(first.out).toMatch(/^# Viaduct: the XMPP users of example\.org on Matrix\. Keep it secret/);
    const { as_token: asToken, hs_token: hsToken, ...rest } = parse(first.out) as Record<string, unknown>;
    expect([asToken, hsToken]).toEqual([expect.stringMatching(/^\w{64}$/), expect.stringMatching(/^\w{64}$/)]);
    expect(rest).toMatchObject({
      id: "viaduct",
      url: "https://files.example.org/bridges/matrix",
      sender_localpart: "_xmpp_bot",
      namespaces: { users: [{ exclusive: true, regex: "^@_xmpp_.*:example\\.org$" }] },
    });
    expect(viaduct(folder.path, registration)).toEqual(first);
    for (const name of ["viaduct.db", "viaduct.key"])
      expect((await stat(join(folder.path, "data", name))).mode & 0o777).toBe(0o600);
  });

  test("needs no database when the configuration has the tokens", async () => {
    const folder = await makeFolder();
    const tokens = `, asToken: ${"a".repeat(32)}, hsToken: ${"h".repeat(32)}, url: "http://10.0.0.2:8080/bridges/matrix"`;
    await folder.write("viaduct.yaml", matrix(domain.replace(" }", `${tokens} }`)));
    const ran = viaduct(folder.path, registration);
    expect(ran).toMatchObject({ code: 0, err: "" });
    expect(parse(ran.out)).toMatchObject({
      as_token: "a".repeat(32),
      hs_token: "h".repeat(32),
      url: "http://10.0.0.2:8080/bridges/matrix",
    });
    await expect(stat(join(folder.path, "data"))).rejects.toThrow("ENOENT");
  });

  test("says that the gateway has to be stopped for it", async () => {
    const folder = await makeFolder();
    await folder.write("viaduct.yaml", matrix(domain));
    const running = await openSqlite({
      path: join(folder.path, "data", "viaduct.db"),
      clock: systemClock,
      vault: createVault(loadKey(join(folder.path, "data", "viaduct.key"))),
    });
    onTestFinished(() => running.close());
    expect(viaduct(folder.path, registration)).toEqual({
      code: 1,
      out: "",
      err: "the gateway is running on data/viaduct.db: stop it for as long as this command takes\n",
    });
  });

  test.each([
    ["domain mode", matrix(""), "domain mode is not configured: set bridges.matrix.domain, then there is"],
    ["a web server", matrix(domain).replace(/^web.*\n/m, ""), "domain mode needs the gateway's web server: set web.l"],
    ["the bridge", minimal, "the bridge matrix is not configured: set bridges.matrix\n"],
    ["a file without mistakes", minimal.replace("jid:", "jjid:"), "viaduct.yaml:6:5: error: bridges.email.jjid"],
  ])("without %s says what to do", async (_, text, sentence) => {
    const folder = await makeFolder();
    await folder.write("viaduct.yaml", text);
    const ran = viaduct(folder.path, registration);
    expect({ code: ran.code, out: ran.out }).toEqual({ code: 1, out: "" });
    expect(ran.err.slice(0, sentence.length)).toBe(sentence);
  });

  test("is in the help, and a bridge without commands of its own is not", async () => {
    const { path } = await makeFolder();
    expect(viaduct(path, ["--help"]).out).toMatch(/^ {2}matrix +commands of the bridge to Matrix$/m);
    expect(viaduct(path, ["matrix", "--help"]).out).toMatch(/^ {2}registration \[options\] +print the registration/m);
    expect(viaduct(path, ["email"]).err).toContain("unknown command 'email'");
  });
});
