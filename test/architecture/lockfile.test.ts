// C01, C03: what npm ci installs is exactly what was looked at.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./sources.ts";

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

const read = (name: string): string => readFileSync(join(root, name), "utf8");
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Locked> };
const manifest = JSON.parse(read("package.json")) as Record<"dependencies" | "devDependencies", Record<string, string>>;
const installed = Object.entries(lock.packages).filter(([path]) => path !== "");

/** Copies of a package anywhere in the tree. */
function copiesOf(name: string): string[] {
  return installed
    .filter(([path]) => path.split("node_modules/").at(-1) === name)
    .map(([, { version }]) => version ?? "");
}

describe("the lockfile", () => {
  test("has exactly one nodemailer, 10.4.1 or later (CVE-2026-125755)", () => {
    const copies = copiesOf("nodemailer");
    expect(copies).toHaveLength(1);
    const [major = 0, minor = 0, patch = 0] = (copies[0] ?? "").split(".").map(Number);
    expect(major * 1_000_000 + minor * 1000 + patch).toBeGreaterThanOrEqual(10_004_001);
  });

  test("has exactly one ltx, the one the XMPP library parses with", () => {
    expect(copiesOf("ltx")).toEqual(["3.1.2"]);
  });

  test("names no registry: it installs from whichever one npm is set to", () => {
    expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    expect(read("package-lock.json")).not.toMatch(/https?:\/\/[^"]*\/-\//);
    expect(read(".npmrc")).not.toMatch(/registry\s*=/);
  });

  test("carries a checksum for every package", () => {
    expect(installed.length).toBeGreaterThan(100);
    expect(installed.filter(([, { integrity, link }]) => integrity === undefined && link !== true)).toEqual([]);
  });

  test("belongs to dependencies that are pinned exactly", () => {
    const wanted = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(wanted.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
    for (const [name, version] of wanted) expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version);
  });

  test("keeps the shipped tree within 120 packages (C05)", () => {
    const shipped = Object.values(lock.packages).filter((entry) => !("dev" in entry) && !("devOptional" in entry));
    expect(shipped.length - 1).toBeLessThanOrEqual(120);
  });
});
