// C06: what is published, and that it runs.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "./sources.ts";

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { cwd: root, encoding: "utf8", timeout: 110_000, stdio: ["ignore", "pipe", "pipe"] });

describe("the package", () => {
  beforeAll(() => {
    run(process.execPath, "scripts/build.ts");
  }, 120_000);

  test("starts as the built command and knows its version", () => {
    expect(run(process.execPath, "dist/src/cli.js", "--version")).toBe("0.1.0\n");
  });

  test("loads the built bridges: the schema command prints their options", () => {
    const schema: unknown = JSON.parse(run(process.execPath, "dist/src/cli.js", "schema"));
    expect(schema).toHaveProperty("properties.bridges.properties.email.properties.jid");
  });

  test("ships the program, the configuration and the papers, and nothing else", () => {
    const [packed] = JSON.parse(run("npm", "pack", "--dry-run", "--json", "--ignore-scripts")) as [
      { files: { path: string }[] },
    ];
    const paths = packed.files.map(({ path }) => path);
    const allowed =
      /^(dist\/(src|bridges)\/.+\.(js|d\.ts)|dist\/package\.json|config\/[\w.-]+|package\.json|LICENSE|README\.md|CHANGELOG\.md|ARCHITECTURE\.md|docs\/[\w./-]+\.md)$/;
    expect(paths.filter((path) => !allowed.test(path))).toEqual([]);
    for (const needed of [
      "dist/src/cli.js",
      "dist/src/main.js",
      "config/viaduct.schema.json",
      "docs/operator-guide.md",
      "LICENSE",
    ]) {
      expect(paths, join("package", needed)).toContain(needed);
    }
  }, 120_000);
});
