// The configuration: one YAML file, overridden by environment variables (config/environment.ts), parsed here once.
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Problem } from "./config-problems.ts";
import { pathText } from "./config-problems.ts";
import { type Endpoint, isLoopback } from "./config/address.ts";
import { type Environment, readOverrides } from "./config/environment.ts";
import { prepare } from "./config/prepare.ts";
import {
  type BridgeOptions,
  type ConfiguredLimits,
  type CoreOptions,
  bridgeSchema,
  coreSchema,
} from "./config/schema.ts";
import { isOpenToAll, reasonOf } from "./config/secrets.ts";
import { type Tree, isTree, readSource } from "./config/source.ts";
import { type Validation, validate } from "./config/validate.ts";
import { type Bridges, wholeSchema } from "./config/whole-schema.ts";

export type { Environment } from "./config/environment.ts";

/** Who may do what: domains and bare JIDs, lower case. */
export interface ConfiguredPermissions {
  readonly allow: readonly string[];
  readonly admins: readonly string[];
}

/** One bridge that shall run. */
export interface BridgeConfig {
  readonly name: string;
  /** The component's domain. */
  readonly jid: string;
  readonly secret: string;
  readonly server: Endpoint;
  readonly permissions: ConfiguredPermissions;
  /** What the bridge's own schema made of its options. */
  readonly options: unknown;
}

/** The HTTP server. */
export interface ConfiguredWeb {
  readonly listen: Endpoint;
  /** Ends in "/". */
  readonly publicUrl: string;
  /** Milliseconds. */
  readonly linkLifetime: number;
}

/** Everything the gateway needs to know; all paths absolute, all defaults filled in. */
export interface Config {
  readonly file: string;
  readonly xmpp: { readonly server: Endpoint; readonly domain: string };
  readonly store: { readonly path: string; readonly key: string };
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" };
  readonly permissions: ConfiguredPermissions;
  readonly limits: ConfiguredLimits;
  /** Absent: there is no HTTP server. */
  readonly web?: ConfiguredWeb;
  readonly net: { readonly allowPrivateHosts: readonly string[] };
  readonly bridges: readonly BridgeConfig[];
}

export type Loaded =
  | { readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] };

// A configuration is a page or two; a larger file is the wrong file.
const maxFileBytes = 1_048_576;

/**
 * Reads, overrides and validates. Finds all mistakes at once and never throws for bad input. `bridges` are the
 * installed ones by name; problems name the file as `path` was given.
 */
export async function loadConfig(path: string, environment: Environment, bridges: Bridges): Promise<Loaded> {
  const file = await readConfigFile(path);
  if ("problem" in file) return { problems: [file.problem] };
  const root = wholeSchema(bridges);
  const { overrides, problems } = readOverrides(environment, root);
  const source = readSource(file.text, path, overrides);
  if (source.tree === undefined) return { problems: source.problems };
  const prepared = await prepare(source, source.tree, root, dirname(resolve(path)), environment);
  const validation: Validation = { source, prepared, root, problems: [...problems, ...prepared.problems] };
  const { bridges: sections, ...coreValues } = prepared.tree;

  const core = await validate<CoreOptions>(validation, coreSchema, coreValues, []);
  const loaded = await loadBridgeSections(validation, sections, bridges);
  checkTogether(validation, core, loaded);
  if (file.openToAll && hasLiteralSecret(source.tree)) validation.problems.push(openFile(path));

  const found = [...source.problems, ...validation.problems.filter((problem) => source.isReliable(problem))];
  if (core === undefined || found.some((problem) => problem.severity === "error")) return { problems: found };
  return { config: assemble(resolve(path), core, loaded), warnings: found };
}

async function readConfigFile(path: string): Promise<{ text: string; openToAll: boolean } | { problem: Problem }> {
  const failed = (message: string) => ({
    problem: { severity: "error", source: path, line: 0, column: 0, path: "", message } as const,
  });
  try {
    const about = await stat(path);
    if (about.isFile() && about.size > maxFileBytes) return failed("this file is too large to be a configuration.");
    return { text: await readFile(path, "utf8"), openToAll: isOpenToAll(about.mode) };
  } catch (error) {
    return failed(`cannot read the configuration: ${reasonOf(error)}. \`viaduct init\` writes one to start from.`);
  }
}

interface LoadedBridge {
  readonly name: string;
  readonly base: BridgeOptions;
  readonly options: unknown;
}

async function loadBridgeSections(
  validation: Validation,
  sections: unknown,
  bridges: Bridges,
): Promise<LoadedBridge[]> {
  if (!isTree(sections) || Object.keys(sections).length === 0) {
    const named = Object.keys(bridges).join(", ");
    // An unknown bridge has been reported already, and was taken out.
    if (!validation.problems.some((problem) => problem.path.startsWith("bridges."))) {
      addBridgeProblem(validation, ["bridges"], "no bridge is configured.", `an entry for at least one of ${named}`);
    }
    return [];
  }
  const loaded: LoadedBridge[] = [];
  for (const [name, section] of Object.entries(sections)) {
    const bridge = bridges[name];
    if (bridge === undefined) continue;
    const [own, rest] = split(isTree(section) ? section : {});
    if (!isTree(section)) addBridgeProblem(validation, ["bridges", name], "this must be a mapping of options.");
    const base = await validate(validation, bridgeSchema, own, ["bridges", name]);
    const before = validation.problems.length;
    const options = await validate(validation, bridge.options, rest, ["bridges", name]);
    if (base !== undefined && validation.problems.length === before) loaded.push({ name, base, options });
  }
  return loaded;
}

/** The keys that belong to the gateway, and the bridge's own. */
function split(section: Tree): [Tree, Tree] {
  const entries = Object.entries(section);
  const isOurs = ([key]: [string, unknown]) => Object.hasOwn(bridgeSchema.shape, key);
  return [Object.fromEntries(entries.filter(isOurs)), Object.fromEntries(entries.filter((entry) => !isOurs(entry)))];
}

/** What only shows when one looks at several options together. */
function checkTogether(validation: Validation, core: CoreOptions | undefined, bridges: readonly LoadedBridge[]): void {
  const owners = new Map<string, string>(core === undefined ? [] : [[core.xmpp.domain, "xmpp.domain"]]);
  for (const { name, base } of bridges) {
    const owner = owners.get(base.jid);
    if (owner !== undefined) {
      addBridgeProblem(
        validation,
        ["bridges", name, "jid"],
        `${owner} has this domain already.`,
        "a domain of its own",
      );
    }
    owners.set(base.jid, `bridges.${name}.jid`);
    if (base.server !== undefined) warnOfPlainText(validation, ["bridges", name, "server"], base.server);
  }
  if (core !== undefined) warnOfPlainText(validation, ["xmpp", "server"], core.xmpp.server);
  if (core?.web !== undefined && !isLoopback(core.web.listen.host)) {
    const why = "the HTTP server does no TLS: let only your reverse proxy reach it.";
    addProblem(validation, "warning", ["web", "listen"], why);
  }
}

// XEP-0114 has no TLS, and its handshake is a bare SHA-1 (X32).
function warnOfPlainText(validation: Validation, path: readonly string[], server: Endpoint): void {
  if (isLoopback(server.host)) return;
  const why = `component connections are not encrypted: use a tunnel or a private network to ${server.host}.`;
  addProblem(validation, "warning", path, why);
}

function addBridgeProblem(validation: Validation, path: readonly string[], message: string, expected?: string): void {
  addProblem(validation, "error", path, message, expected);
}

function addProblem(
  validation: Validation,
  severity: Problem["severity"],
  path: readonly string[],
  message: string,
  expected?: string,
): void {
  validation.problems.push({
    severity,
    ...validation.source.placeOf(path),
    path: pathText(path),
    message,
    ...(expected === undefined ? {} : { expected }),
  });
}

function hasLiteralSecret(tree: Tree): boolean {
  const sections = isTree(tree["bridges"]) ? Object.values(tree["bridges"]) : [];
  return sections.some((section) => isTree(section) && typeof section["secret"] === "string");
}

function openFile(path: string): Problem {
  const message = `this file holds a secret and every user of this machine can read it; run: chmod o-rwx ${basename(path)}`;
  return { severity: "warning", source: path, line: 0, column: 0, path: "", message };
}

function assemble(file: string, core: CoreOptions, bridges: readonly LoadedBridge[]): Config {
  const permissions = { allow: core.permissions.allow ?? [core.xmpp.domain], admins: core.permissions.admins ?? [] };
  const folder = resolve(dirname(file), core.store.path);
  return {
    file,
    xmpp: core.xmpp,
    store: { path: folder, key: core.store.key ?? join(folder, "viaduct.key") },
    log: core.log,
    permissions,
    limits: core.limits,
    ...(core.web === undefined ? {} : { web: core.web }),
    net: core.net,
    bridges: bridges.map(({ name, base, options }) => ({
      name,
      jid: base.jid,
      secret: base.secret,
      server: base.server ?? core.xmpp.server,
      permissions: {
        allow: base.permissions.allow ?? permissions.allow,
        admins: base.permissions.admins ?? permissions.admins,
      },
      options,
    })),
  };
}
