import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { formatProblems } from "../../src/config-problems.ts";
import { bridges, complaints, loadGood, makeFolder, minimal } from "./fixtures.ts";

describe("a small configuration", () => {
  test("is enough, all else has defaults", async () => {
    const { file, store, ...config } = await loadGood(minimal);
    expect(config).toEqual({
      xmpp: { server: { host: "127.0.0.1", port: 5347 }, domain: "example.org" },
      log: { level: "info" },
      permissions: { allow: ["example.org"], admins: [] },
      limits: {
        messagesPerMinute: 60,
        messageBurst: 20,
        queueExpiry: 432_000_000,
        stanzaSize: 65_536,
        loadedRows: 2000,
        window: 32,
        accountsPerUser: 5,
        contactsPerUser: 10_000,
        commandSessionsPerUser: 5,
        newRecipientsPerHour: 20,
        loginAttempts: 5,
        loginsPerSecond: 10,
        minFreeDisk: 524_288_000,
      },
      net: { allowPrivateHosts: [] },
      bridges: [
        {
          name: "email",
          jid: "email.example.org",
          secret: "s3cret",
          server: { host: "127.0.0.1", port: 5347 },
          permissions: { allow: ["example.org"], admins: [] },
          options: { textLength: 4000, accounts: true, lists: [] },
        },
      ],
    });
    expect(file.endsWith("/viaduct.yaml")).toBe(true);
    expect(store.key).toBe(`${store.path}/viaduct.key`);
  });

  test("may leave a section empty", async () => {
    const { limits, permissions } = await loadGood(`${minimal}limits:\npermissions:\n`);
    expect(limits.window).toBe(32);
    expect(permissions.allow).toEqual(["example.org"]);
  });

  test("takes relative paths from the folder of the file", async () => {
    const folder = await makeFolder();
    const loaded = await folder.load(
      `${minimal}    domain: { name: example.net, certificate: tls/cert.pem }\nstore: { path: db }\n`,
    );
    expect(loaded).toMatchObject({
      config: {
        store: { path: join(folder.path, "db"), key: join(folder.path, "db/viaduct.key") },
        bridges: [{ options: { domain: { certificate: join(folder.path, "tls/cert.pem") } } }],
      },
    });
  });
});

describe("a bridge", () => {
  test("may have its own server and its own users", async () => {
    const config = await loadGood(
      `${minimal}    server: "[::1]:5348"\n    permissions: { allow: [Ann@Example.NET] }\n`,
    );
    expect(config.bridges[0]?.server).toEqual({ host: "::1", port: 5348 });
    expect(config.bridges[0]?.permissions).toEqual({ allow: ["ann@example.net"], admins: [] });
  });

  test("may not take the domain of the users or of another bridge", async () => {
    expect(await complaints(minimal.replace("email.example.org", "example.org"))).toBe(
      `viaduct.yaml:6:10: error: bridges.email.jid: xmpp.domain has this domain already.
    expected: a domain of its own`,
    );
  });

  test("must be there", async () => {
    expect(await complaints("xmpp: { server: 127.0.0.1:5347, domain: example.org }\n")).toBe(
      `viaduct.yaml:1:1: error: bridges: no bridge is configured.
    expected: an entry for at least one of email`,
    );
  });
});

describe("mistakes", () => {
  test("are all named at once, in the order of the file", async () => {
    const text = `xmpp:
  sever: 127.0.0.1:5347
  domain: exa mple
server: 192.0.2.1:5347
limits:
  window: many
  queueExpiry: 5 weeks
  stanzaSize: 64 KB
permissions:
  allow: [a@b@c, example.org, 5]
log: { level: verbose }
bridges:
  email:
    jid: email.example.org
    textLenght: 5
    accounts: yes
    domain:
      lmtp: { listen: 2525 }
  emial: {}
`;
    expect(await complaints(text)).toBe(`viaduct.yaml:2:3: error: xmpp.sever: there is no such option.
    did you mean: server
    expected: one of server, domain
    example: server: 127.0.0.1:5347
viaduct.yaml:3:11: error: xmpp.domain: this is not a domain name.
    expected: a domain name
    example: domain: example.org
viaduct.yaml:4:1: error: server: there is no such option.
    did you mean: xmpp.server
    expected: one of xmpp, store, log, permissions, limits, web, net, bridges
viaduct.yaml:6:11: error: limits.window: "many" does not fit.
    expected: a whole number from 1 to 1000000
    example: window: 32
viaduct.yaml:7:16: error: limits.queueExpiry: this is not a duration such as 90s, 30m, 12h or 5d.
    expected: a duration such as 90s, 30m, 12h or 5d
    example: queueExpiry: 5d
viaduct.yaml:8:15: error: limits.stanzaSize: this is not a size.
    expected: a size such as 64 KiB, 500 MiB or 2 GiB
    example: stanzaSize: 64 KiB
viaduct.yaml:10:11: error: permissions.allow.0: this is not a domain or an address without a resource (user@domain).
    expected: a domain or an address without a resource (user@domain)
    example: - example.org
viaduct.yaml:10:31: error: permissions.allow.2: this is a number; put it in quotes to make it text.
    expected: a domain or an address without a resource (user@domain)
    example: - example.org
viaduct.yaml:11:15: error: log.level: "verbose" does not fit.
    expected: one of debug, info, warn, error
    example: level: info
viaduct.yaml:13:3: error: bridges.email.secret: this option is missing.
    expected: a secret, { file: secret.txt } or { env: NAME }
    example: secret: { file: secret.txt }
viaduct.yaml:15:5: error: bridges.email.textLenght: there is no such option.
    did you mean: textLength
    expected: one of jid, secret, server, permissions, domain, textLength, accounts, lists
    example: textLength: 4000
viaduct.yaml:16:15: error: bridges.email.accounts: "yes" does not fit.
    expected: true or false
    example: accounts: true
viaduct.yaml:17:5: error: bridges.email.domain.name: this option is missing.
    expected: text
    example: name: example.net
viaduct.yaml:18:23: error: bridges.email.domain.lmtp.listen: this is a number; put it in quotes to make it text.
    expected: host:port
    example: listen: 127.0.0.1:2525
viaduct.yaml:19:3: error: bridges.emial: there is no bridge of this name.
    did you mean: email
    expected: one of email
    example: email: { jid: email.example.org, secret: { file: secret.txt } }`);
  });

  test("in an empty file are what it should have", async () => {
    expect(await complaints("")).toBe(`viaduct.yaml:1:1: error: bridges: no bridge is configured.
    expected: an entry for at least one of email
viaduct.yaml:1:1: error: xmpp: this option is missing.
    expected: a mapping (indented \`name: value\` lines)
    example: xmpp: { server: 127.0.0.1:5347, domain: example.org }`);
  });

  test("behind a syntax error are not guessed at, those before it are named", async () => {
    const text = `log: { level: loud }\nbridges: {\nxmpp:\n\tserver: x\n`;
    expect(await complaints(text)).toBe(`viaduct.yaml:1:15: error: log.level: "loud" does not fit.
    expected: one of debug, info, warn, error
    example: level: info
viaduct.yaml:3:1: error: this is not valid YAML: Flow map in block collection must be sufficiently indented and end with a }.
viaduct.yaml:4:1: error: this is not valid YAML: Tabs are not allowed as indentation.`);
  });

  test.each([
    ["a list", "- a\n", "the file must be a mapping of options."],
    ["a word", "hello\n", "the file must be a mapping of options."],
    [
      "an alias to nowhere",
      "a: *b\n",
      "the file uses YAML aliases that lead nowhere or multiply; write the values out.",
    ],
    ["a key twice", `${minimal}xmpp: {}\n`, "this is not valid YAML: Map keys must be unique."],
    ["a second document", `${minimal}---\n${minimal}`, "this is not valid YAML:"],
    ["an alias bomb", aliasBomb(), "the file uses YAML aliases that lead nowhere or multiply; write the values out."],
  ])("of shape are named: %s", async (_, text, expected) => {
    expect(await complaints(text)).toContain(expected);
  });

  test("with the names of JavaScript's own properties are unknown options", async () => {
    const found = await complaints(`${minimal}    __proto__: { textLength: 100 }\nconstructor: 1\ntoString: 2\n`);
    expect(found.split("\n").filter((line) => /^\S/.test(line))).toEqual([
      "viaduct.yaml:8:5: error: bridges.email.__proto__: there is no such option.",
      "viaduct.yaml:9:1: error: constructor: there is no such option.",
      "viaduct.yaml:10:1: error: toString: there is no such option.",
    ]);
  });

  test("in values reach the terminal without control characters", async () => {
    const found = await complaints(`${minimal}log: { level: "\\e[31m\\u202Ered" }\n`);
    expect(found).toContain('log.level: "\\u001b[31m?red" does not fit.');
  });

  test("of the file itself are sentences", async () => {
    const folder = await makeFolder();
    const missing = await loadConfig(join(folder.path, "none.yaml"), {}, bridges);
    const isFolder = await loadConfig(folder.path, {}, bridges);
    const shown = (loaded: typeof missing) =>
      formatProblems("problems" in loaded ? loaded.problems : []).replaceAll(folder.path, "F");
    expect(shown(missing)).toBe(
      "F/none.yaml: error: cannot read the configuration: there is no such file. `viaduct init` writes one to start from.",
    );
    expect(shown(isFolder)).toBe(
      "F: error: cannot read the configuration: it is a folder. `viaduct init` writes one to start from.",
    );
  });
});

describe("warnings", () => {
  test("tell of a component connection that leaves the machine (X32), and let it run", async () => {
    const folder = await makeFolder();
    const loaded = await folder.load(minimal.replace("127.0.0.1", "xmpp.example.org"));
    expect("config" in loaded && formatProblems(loaded.warnings).replaceAll(`${folder.path}/`, "")).toBe(
      "viaduct.yaml:2:11: warning: xmpp.server: component connections are not encrypted: use a tunnel or a private network to xmpp.example.org.",
    );
  });

  test("tell of a configuration with a secret that everybody can read (S-08)", async () => {
    const folder = await makeFolder();
    const path = join(folder.path, "viaduct.yaml");
    await writeFile(path, minimal);
    await chmod(path, 0o644);
    const loaded = await loadConfig(path, {}, bridges);
    expect("config" in loaded && loaded.warnings.map(({ message }) => message)).toEqual([
      "this file holds a secret and every user of this machine can read it; run: chmod o-rwx viaduct.yaml",
    ]);
  });
});

function aliasBomb(): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
    );
  return `${lines.join("\n")}\n`;
}
