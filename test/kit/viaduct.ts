// Viaduct in this process, on a real or fake server: the real configuration loader, store, core and edge.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { AnyBridge } from "#bridge";
import { loadConfig } from "../../src/config.ts";
import { formatProblems } from "../../src/config-problems.ts";
import { createLogger, type GatewayLogger } from "../../src/log.ts";
import { type Parts, type Running, run } from "../../src/main.ts";

export interface ViaductOptions {
  readonly componentPort: number;
  readonly domain?: string;
  readonly bridges: Readonly<Record<string, AnyBridge>>;
  /** By bridge: what stands under `bridges.NAME` beside jid and secret. */
  readonly settings?: Readonly<Record<string, object>>;
  readonly limits?: object;
  readonly permissions?: object;
  readonly web?: object;
  readonly net?: object;
  readonly parts?: Omit<Parts, "bridges">;
  /** Given again to start on the data of an earlier run. */
  readonly dir?: string;
  readonly log?: GatewayLogger;
}

export interface Viaduct extends Running {
  readonly dir: string;
}

/** Limits that do not stand in the way of a test which is not about them. */
export const openLimits = {
  messagesPerMinute: 1_000_000,
  messageBurst: 1_000_000,
  newRecipientsPerHour: 1_000_000,
  loginAttempts: 1_000,
};

export async function startViaduct(options: ViaductOptions): Promise<Viaduct> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "viaduct-"));
  const file = writeConfig(dir, options);
  const loaded = await loadConfig(file, {}, options.bridges);
  if ("problems" in loaded) throw new Error(formatProblems(loaded.problems));
  const log = options.log ?? createLogger({ level: "error" });
  const running = await run(loaded.config, log, { ...options.parts, bridges: options.bridges });
  return {
    ...running,
    dir,
    async stop() {
      await running.stop();
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Writes viaduct.yaml into `dir` and returns its path. */
export function writeConfig(
  dir: string,
  options: Pick<
    ViaductOptions,
    "componentPort" | "domain" | "settings" | "limits" | "permissions" | "web" | "net" | "bridges"
  >,
): string {
  const { domain = "localhost" } = options;
  const file = join(dir, "viaduct.yaml");
  const bridges = Object.fromEntries(
    Object.keys(options.bridges).map((name) => [
      name,
      { jid: `${name}.${domain}`, secret: "secret", ...options.settings?.[name] },
    ]),
  );
  const config = {
    xmpp: { server: `127.0.0.1:${options.componentPort}`, domain },
    store: { path: join(dir, "data") },
    limits: { ...openLimits, ...options.limits },
    ...(options.permissions ? { permissions: options.permissions } : {}),
    ...(options.web ? { web: options.web } : {}),
    ...(options.net ? { net: options.net } : {}),
    bridges,
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return file;
}
