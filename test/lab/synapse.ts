// Starts a throw-away Synapse (Debian sid, unpacked) on a free port of 127.0.0.1: ready in 2 s, stopped in 1.5 s.
import { createHmac, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Lifecycle, makeFolder, startDaemon } from "./daemon.ts";
import { synapseRoot } from "./packages.ts";
import { freePorts } from "./ports.ts";
import { logConfig, synapseConfig } from "./synapse-config.ts";
import { pythonOf } from "./unpacked.ts";

export interface SynapseOptions {
  /** Default: a temporary folder, removed by `stop`. A folder given here is never removed. */
  readonly dir?: string;
  /** What user ids end in. Default "matrix.test". */
  readonly serverName?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Passwords by user name (the local part of the user id). */
  readonly users?: Readonly<Record<string, string>>;
  /** The registration of an application service, or the path of its YAML file. Read at each start. */
  readonly appservice?: AppserviceRegistration | string;
  /** Synapse's own rate limits, which are tight. Default: none. */
  readonly rateLimits?: boolean;
  /** More of homeserver.yaml, such as `{ default_room_version: "12" }`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Default "info". */
  readonly logLevel?: "debug" | "info" | "warning" | "error";
}

/** Application Service API, "Registration". Other keys switch unstable features on. */
export interface AppserviceRegistration {
  readonly id: string;
  /** Null: no traffic is pushed. */
  readonly url: string | null;
  readonly as_token: string;
  readonly hs_token: string;
  readonly sender_localpart: string;
  readonly namespaces: Readonly<Partial<Record<"users" | "aliases" | "rooms", readonly Namespace[]>>>;
  readonly [key: string]: unknown;
}

interface Namespace {
  readonly exclusive: boolean;
  readonly regex: string;
}

export interface Synapse extends Lifecycle {
  readonly serverName: string;
  readonly port: number;
  /** Where clients connect, without a slash at the end. */
  readonly baseUrl: string;
  readonly logFile: string;
  addUser(user: string, password: string): Promise<void>;
  /** `stop` and `start` with the same port and data. */
  restart(): Promise<void>;
}

export async function startSynapse(options: SynapseOptions = {}): Promise<Synapse> {
  const { serverName = "matrix.test", users = {}, rateLimits = false, settings = {}, logLevel = "info" } = options;
  if (!existsSync(synapseRoot))
    throw new Error('Synapse is not installed: run "node test/lab/install.ts synapse" as root');
  const folder = await makeFolder("synapse", options.dir);
  const dir = folder.path;
  const [free = 0] = await freePorts(1);
  const { port = free } = options;
  const secret = randomBytes(16).toString("hex");
  const logFile = join(dir, "homeserver.log");
  const logConfigFile = join(dir, "log.yaml");
  const configFile = join(dir, "homeserver.yaml");
  const appserviceFile = await writeAppservice(dir, options.appservice);
  const config = { dir, serverName, port, secret, logFile, logConfigFile, appserviceFile, rateLimits, settings };
  await writeFile(configFile, synapseConfig(config));
  await writeFile(logConfigFile, logConfig(logFile, logLevel));
  await writeSigningKey(dir);

  const daemon = await startDaemon({
    name: "Synapse",
    folder,
    ...pythonOf(synapseRoot, ["-m", "synapse.app.homeserver", "-c", configFile]),
    ports: [port], // it opens when everything else is done
    logs: [logFile],
  });
  const baseUrl = `http://127.0.0.1:${port}`;
  const addUser = (user: string, password: string): Promise<void> => register(baseUrl, secret, user, password);
  for (const [user, password] of Object.entries(users)) await addUser(user, password);
  const restart = async (): Promise<void> => {
    await daemon.stop({ keep: true });
    await daemon.start();
  };
  return Object.assign(daemon, { serverName, port, baseUrl, logFile, addUser, restart });
}

async function writeAppservice(dir: string, appservice: SynapseOptions["appservice"]): Promise<string | undefined> {
  if (appservice === undefined || typeof appservice === "string") return appservice;
  const file = join(dir, "appservice.yaml");
  await writeFile(file, JSON.stringify(appservice));
  return file;
}

/** Synapse would make one itself, in a second run of a second. A folder that is used again keeps its key. */
async function writeSigningKey(dir: string): Promise<void> {
  const file = join(dir, "signing.key");
  const seed = randomBytes(32).toString("base64").replace("=", "");
  if (!existsSync(file)) await writeFile(file, `ed25519 a_lab ${seed}\n`);
}

/** Synapse's shared-secret registration: no dialogue, no rate limit, and no device is made. */
async function register(baseUrl: string, secret: string, username: string, password: string): Promise<void> {
  const url = `${baseUrl}/_synapse/admin/v1/register`;
  const { nonce } = (await (await fetch(url, { signal: AbortSignal.timeout(10_000) })).json()) as { nonce: string };
  const mac = createHmac("sha1", secret).update([nonce, username, password, "notadmin"].join("\0")).digest("hex");
  const response = await fetch(url, {
    method: "POST",
    body: JSON.stringify({ nonce, username, password, mac, inhibit_login: true }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  // A folder may be used again.
  if (!response.ok && !text.includes("M_USER_IN_USE")) throw new Error(`Synapse register: ${response.status} ${text}`);
}
