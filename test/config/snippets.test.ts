// The files in config/ are what `viaduct check --print` says about the example: both stay true together.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import { formatProblems } from "../../src/config-problems.ts";
import { type ServerName, snippetFor } from "../../src/config/snippets.ts";
import { loadBridges } from "../../src/load-bridges.ts";
import { root } from "../architecture/sources.ts";
import { loadGood, makeFolder, minimal } from "./fixtures.ts";

const readConfigFile = (name: string): Promise<string> => readFile(join(root, "config", name), "utf8");

async function example(change: (text: string) => string = (text) => text): Promise<Config> {
  const folder = await makeFolder();
  await folder.write("secret.txt", "a-long-random-secret\n");
  const path = await folder.write("viaduct.yaml", change(await readConfigFile("viaduct.example.yaml")));
  const loaded = await loadConfig(path, {}, await loadBridges());
  if ("problems" in loaded) throw new Error(formatProblems(loaded.problems));
  return loaded.config;
}

describe("the example configuration", () => {
  test("is right", async () => {
    expect((await example()).bridges.map(({ name }) => name)).toEqual(["email", "matrix"]);
  });

  test("is right as well with every option that it shows switched on", async () => {
    const config = await example((text) => text.replaceAll(/^( *)# ((?: *)[a-zA-Z.]+:.*)$/gm, "$1$2"));
    expect(config.permissions.admins).toEqual(["admin@example.org"]);
    expect(config.bridges[0]?.options).toMatchObject({
      domain: { name: "example.net", smarthost: { user: "viaduct" } },
    });
    expect(config.bridges[1]?.options).toMatchObject({
      accounts: { enabled: true, maxUploadBytes: 52_428_800 },
      domain: { serverName: "example.org", prefix: "_xmpp_", ghostsPerHour: 600, findable: true },
    });
  });

  test("shows the defaults as they are", async () => {
    const shown = await example((text) =>
      text
        .replaceAll(/^# (limits:| {2}[a-zA-Z]+: .*)$/gm, "$1")
        .replace(/^ {2}(path|key|level|allow|admins|listen|publicUrl|linkLifetime|allowPrivateHosts): .*$/gm, ""),
    );
    expect(shown.limits).toEqual((await example()).limits);
  });
});

describe("the lines for the XMPP server", () => {
  test.each([
    ["prosody", "prosody.cfg.lua"],
    ["ejabberd", "ejabberd.yml"],
    ["openfire", "openfire.md"],
  ] as const)("for %s are those in config/%s", async (server: ServerName, file) => {
    const printed = snippetFor(server, await example());
    expect(printed).toBe(await readConfigFile(file));
  });

  test("quote what a secret may hold", async () => {
    const config = await loadGood(minimal.replace("s3cret", `'a"b\\c|d'`));
    expect(snippetFor("prosody", config)).toContain('component_secret = "a\\"b\\\\c|d"');
    expect(snippetFor("ejabberd", config)).toContain('"email.example.org": { password: "a\\"b\\\\c|d" }');
    expect(snippetFor("openfire", config)).toContain('| email | `a"b\\c\\|d` | 5347 |');
  });
});
