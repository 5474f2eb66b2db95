#!/usr/bin/env -S node --max-semi-space-size=8
// A smaller young generation than the 16 MB of V8: less memory for idle accounts, hardly slower at what a gateway does (docs/benchmarks.md).
// The command `viaduct`. Every error is one sentence that says what to do; --debug adds the stack.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { OperatorCommand } from "#bridge";
import { type Config, loadConfig } from "./config.ts";
import { formatProblems } from "./config-problems.ts";
import { parseDomain } from "./config/address.ts";
import { processEnvironment } from "./config/environment.ts";
import { type ServerName, serverNames, snippetFor } from "./config/snippets.ts";
import { writeStarter } from "./config/starter.ts";
import { summary } from "./config/summary.ts";
import { publishedSchema } from "./config/whole-schema.ts";
import { loadBridges } from "./load-bridges.ts";
import { createLogger } from "./log.ts";
import { trimMemory } from "./trim-memory.ts";

const configOption = () => new Option("-c, --config <file>", "the configuration").default("viaduct.yaml");

const program = new Command("viaduct")
  .description("An XMPP gateway: email and Matrix in every XMPP client.")
  .version(version())
  .option("--debug", "show stack traces")
  .showHelpAfterError("(viaduct --help shows what there is)");

program
  .command("run")
  .description("run the gateway until SIGTERM or SIGINT")
  .addOption(configOption())
  .action(({ config }: { config: string }) => runGateway(config));

program
  .command("check")
  .description("name every mistake in the configuration, try what a run needs, and say what it will do")
  .addOption(configOption())
  .option("--offline", "try no port and no XMPP server: look at files only")
  .addOption(new Option("--print <server>", "print the lines to paste into the XMPP server").choices(serverNames))
  .action(checkConfig);

program
  .command("schema")
  .description("print the JSON Schema of the configuration, for editors")
  .action(async () => say(JSON.stringify(publishedSchema(await loadBridges()), undefined, 2)));

program
  .command("init")
  .description("write a configuration to start from, and its secret")
  .addOption(configOption())
  .option("--domain <domain>", "the domain of your XMPP users", "example.org")
  .addOption(new Option("--only <network>", "leave the other one out").choices(["email", "matrix"]))
  .option("--jid <domain>", "the gateway's own domain for email (default: email. before --domain)")
  .option("--matrix-jid <domain>", "and for Matrix (default: matrix. before --domain)")
  .action(init);

interface CheckOptions {
  readonly config: string;
  readonly offline?: boolean;
  readonly print?: ServerName;
}

async function checkConfig({ config, offline, print }: CheckOptions): Promise<void> {
  const loaded = await readConfig(config);
  if (print !== undefined) return say(snippetFor(print, loaded));
  const { storeProblems } = await import("./store/preflight.ts");
  const ofStore = storeProblems(loaded.store);
  if (ofStore.length > 0) throw new Error(ofStore.join("\n"));
  if (offline === true) return say(`ok\n${summary(loaded)}`);
  const { tryRun } = await import("./trial-run.ts");
  const { problems, running } = await tryRun(loaded, await loadBridges());
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const left = "it runs: its ports and its streams were not tried\n";
  say(`ok\n${running ? left : ""}${summary(loaded)}`);
}

/** `viaduct BRIDGE WORD`, for what the bridges offer to the operator. */
async function addBridgeCommands(): Promise<void> {
  for (const [name, { identity, operatorCommands = [] }] of Object.entries(await loadBridges())) {
    if (operatorCommands.length === 0) continue;
    const ofBridge = program.command(name).description(`commands of the bridge to ${identity.title}`);
    for (const command of operatorCommands) {
      ofBridge
        .command(command.word)
        .description(command.title)
        .addOption(configOption())
        .action(({ config }: { config: string }) => operate(config, name, command));
    }
  }
}

/** Runs until a signal comes. A second signal ends the process at once. */
async function runGateway(file: string): Promise<void> {
  // S-08: nobody else reads what we write. S-11: no debugger through a signal.
  process.umask(0o077);
  process.on("SIGUSR1", () => {});
  const config = await readConfig(file);
  const log = createLogger({ level: config.log.level });
  // Listened for before the start, so that a signal during it ends the gateway cleanly too.
  const stopped = firstSignal();
  const { run } = await import("./main.ts");
  const gateway = await run(config, log);
  trimMemory();
  const signal = await stopped;
  log.info({ signal }, "stopping");
  await gateway.stop();
  // Everything is on disk and closed. What is left are timers of retries, which nobody needs to wait for.
  process.exit(0);
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((settle) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, settle);
  });
}

async function operate(file: string, bridge: string, command: OperatorCommand<unknown>): Promise<void> {
  // S-08: it may make the database, and what it prints may be secret.
  process.umask(0o077);
  const { runOperatorCommand } = await import("./operator-commands.ts");
  say(await runOperatorCommand(await readConfig(file), bridge, command));
}

interface InitOptions {
  readonly config: string;
  readonly domain: string;
  readonly only?: "email" | "matrix";
  readonly jid?: string;
  readonly matrixJid?: string;
}

async function init(options: InitOptions): Promise<void> {
  const domain = domainOption("--domain", options.domain);
  const email = domainOption("--jid", options.jid ?? `email.${domain}`);
  const matrix = domainOption("--matrix-jid", options.matrixJid ?? `matrix.${domain}`);
  const file = resolve(options.config);
  const networks = [
    { name: "email", title: "email", jid: email },
    { name: "matrix", title: "Matrix", jid: matrix },
  ].filter(({ name }) => options.only === undefined || name === options.only);
  const { secretFile } = await writeStarter({ file, domain, networks }).catch((cause: unknown) => {
    const taken = cause instanceof Error && "code" in cause && cause.code === "EEXIST" && "path" in cause;
    throw taken
      ? new Error(`${String(cause.path)} exists already: move it away, or name another file with -c.`, { cause })
      : cause;
  });
  say(
    `wrote ${file}\nwrote ${secretFile}\nNext: viaduct check -c ${options.config} --print prosody   (or ejabberd, openfire)`,
  );
}

function domainOption(flag: string, text: string): string {
  const domain = parseDomain(text);
  if (domain === undefined) throw new Error(`${flag} must be a domain name such as example.org.`);
  return domain;
}

async function readConfig(file: string): Promise<Config> {
  const loaded = await loadConfig(file, processEnvironment(), await loadBridges());
  if ("problems" in loaded) {
    const errors = loaded.problems.filter(({ severity }) => severity === "error").length;
    throw new Error(
      `${formatProblems(loaded.problems)}\n${errors} ${errors === 1 ? "mistake" : "mistakes"} in the configuration`,
    );
  }
  if (loaded.warnings.length > 0) complain(formatProblems(loaded.warnings));
  return loaded.config;
}

// package.json lies one folder up in the sources and two in the built package (dist/src/cli.js).
function version(): string {
  const levels = import.meta.url.endsWith(".ts") ? ".." : "../..";
  const manifest: unknown = JSON.parse(readFileSync(new URL(`${levels}/package.json`, import.meta.url), "utf8"));
  const found =
    typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : undefined;
  return typeof found === "string" ? found : "unknown";
}

function say(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  await addBridgeCommands();
  await program.parseAsync();
} catch (error) {
  const { debug } = program.opts<{ debug?: boolean }>();
  const message = error instanceof Error ? error.message : String(error);
  complain(debug === true && error instanceof Error ? (error.stack ?? message) : message);
  process.exitCode = 1;
}
