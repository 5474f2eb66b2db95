// A bridge as the configuration sees it, and configuration files in a folder of their own.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { type Config, type Environment, loadConfig } from "../../src/config.ts";
import { type Problem, formatProblems } from "../../src/config-problems.ts";

const listener = z.object({ listen: z.string().meta({ title: "host:port", examples: ["127.0.0.1:2525"] }) });

export const mailBridge = {
  options: z.object({
    domain: z
      .object({
        name: z
          .string()
          .describe("The mail domain")
          .meta({ examples: ["example.net"] }),
        lmtp: listener.optional(),
        password: z.string().meta({ writeOnly: true }).optional(),
        certificate: z.string().meta({ format: "path" }).optional(),
      })
      .optional(),
    textLength: z.int().min(100).max(50_000).default(4000),
    accounts: z.boolean().default(true),
    lists: z.array(z.string()).default([]),
  }),
};

export const bridges = { email: mailBridge };

export const minimal = `xmpp:
  server: 127.0.0.1:5347
  domain: example.org
bridges:
  email:
    jid: email.example.org
    secret: s3cret
`;

export interface Folder {
  readonly path: string;
  write(name: string, text: string, mode?: number): Promise<string>;
  load(text: string, environment?: Environment): ReturnType<typeof loadConfig>;
}

export async function makeFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "viaduct-config-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const write = async (name: string, text: string, mode = 0o600) => {
    await writeFile(join(path, name), text, { mode });
    return join(path, name);
  };
  return {
    path,
    write,
    load: async (text, environment = {}) => loadConfig(await write("viaduct.yaml", text), environment, bridges),
  };
}

/** The configuration of a file that must be right. */
export async function loadGood(text: string, environment: Environment = {}): Promise<Config> {
  const folder = await makeFolder();
  const loaded = await folder.load(text, environment);
  if ("problems" in loaded) throw new Error(formatProblems(loaded.problems));
  return loaded.config;
}

/** The problems of a file that must be wrong, as the operator reads them, the folder left out. */
export async function complaints(text: string, environment: Environment = {}): Promise<string> {
  const folder = await makeFolder();
  const loaded = await folder.load(text, environment);
  const found: readonly Problem[] = "problems" in loaded ? loaded.problems : loaded.warnings;
  return formatProblems(found).replaceAll(`${folder.path}/`, "");
}
