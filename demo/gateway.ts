// Viaduct as an operator sets it up: one file with both bridges, the registration for the homeserver, one process.
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadConfig } from "../src/config.ts";
import { formatProblems } from "../src/config-problems.ts";
import { loadBridges } from "../src/load-bridges.ts";
import { createLogger } from "../src/log.ts";
import { type Running, run } from "../src/main.ts";
import { say } from "./words.ts";

/** Where everybody listens on 127.0.0.1. */
export interface Ports {
  readonly component: number;
  readonly imap: number;
  readonly submission: number;
  readonly smtp: number;
  readonly lmtp: number;
  readonly synapse: number;
  readonly web: number;
}

/**
 * Account mode needs hardly anything: `servers` and `homeserver` stand for DNS, which this machine does not have, and
 * `allowPrivateHosts` for servers that are public.
 */
export function configuration(ports: Ports): string {
  const server = (port: number): string => `{ host: 127.0.0.1, port: ${port}, security: none }`;
  const homeserver = `"http://127.0.0.1:${ports.synapse}"`;
  return `xmpp: { server: "127.0.0.1:${ports.component}", domain: localhost }
web: { listen: "127.0.0.1:${ports.web}", publicUrl: "http://127.0.0.1:${ports.web}/" }
net: { allowPrivateHosts: ["127.0.0.1:${ports.synapse}"] }
bridges:
  email:
    jid: email.localhost
    secret: secret
    accounts:
      servers:
        example.org: { imap: ${server(ports.imap)}, smtp: ${server(ports.submission)} }
    domain: { name: mail.localhost, users: localhost, lmtp: "127.0.0.1:${ports.lmtp}", smarthost: ${server(ports.smtp)} }
  matrix:
    jid: matrix.localhost
    secret: secret
    accounts: { homeserver: ${homeserver} }
    domain: { homeserver: ${homeserver}, serverName: matrix.test, users: localhost }
`;
}

/** Writes viaduct.yaml into a folder of the gateway's own below `dir` and returns its path. */
export function writeConfiguration(dir: string, text: string): string {
  const home = join(dir, "viaduct");
  mkdirSync(home, { mode: 0o700 });
  const file = join(home, "viaduct.yaml");
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** Runs `viaduct matrix registration` and returns the path of what it printed. */
export async function writeRegistration(dir: string, configFile: string): Promise<string> {
  const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
  const args = [cli, "matrix", "registration", "-c", configFile];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  const file = join(dir, "registration.yaml");
  writeFileSync(file, stdout, { mode: 0o600 });
  return file;
}

/** Resolves when all of its components are connected. */
export async function startGateway(configFile: string): Promise<Running> {
  const bridges = await loadBridges();
  const loaded = await loadConfig(configFile, {}, bridges);
  if ("problems" in loaded) throw new Error(formatProblems(loaded.problems));
  const running = await run(loaded.config, createLogger({ level: "warn" }), { bridges });
  const deadline = Date.now() + 15_000;
  while (!running.components.every((component) => component.link.state === "up")) {
    if (Date.now() > deadline) throw new Error("the components did not come up");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  say("Viaduct: up, one process with both bridges");
  return running;
}
