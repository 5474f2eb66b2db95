// Wires everything: the only place that constructs.
import { mkdirSync, readFileSync } from "node:fs";
import type { AnyBridge } from "#bridge";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { diskGuard } from "./disk-guard.ts";
import { type Faults, noFaults } from "./gateway/faults.ts";
import { createFileReader } from "./gateway/files.ts";
import { Gateway } from "./gateway/gateway.ts";
import { createPermissions } from "./gateway/permissions.ts";
import type { Clock, Store } from "./gateway/ports.ts";
import { loadBridges } from "./load-bridges.ts";
import type { GatewayLogger } from "./log.ts";
import { createGuardedFetch } from "./net/guarded-fetch.ts";
import { databaseIn, storeProblems } from "./store/preflight.ts";
import { createVault, loadKey } from "./store/secrets.ts";
import { openSqlite } from "./store/sqlite.ts";
import { createWeb } from "./web/web.ts";
import { type Component, createComponent } from "./xmpp/component.ts";
import type { LinkLimits } from "./xmpp/link-options.ts";

export interface Running {
  readonly gateway: Gateway;
  readonly components: readonly Component[];
  /** Stops taking in, finishes what is under way, closes everything. */
  stop(): Promise<void>;
}

/** What tests and benchmarks replace. */
export interface Parts {
  readonly bridges?: Readonly<Record<string, AnyBridge>>;
  readonly clock?: Clock;
  readonly faults?: Faults;
  /** Stands between the core and the database: the planted bugs of test/faults. */
  readonly wrapStore?: (store: Store) => Store;
  /** Deadlines of the component streams. */
  readonly link?: Partial<LinkLimits>;
}

/**
 * Starts the gateway. Resolves when it accepts: links connect and accounts sign in afterwards. Rejects with a sentence
 * for the operator.
 */
export async function run(config: Config, log: GatewayLogger, parts: Parts = {}): Promise<Running> {
  const { clock = systemClock, faults = noFaults, wrapStore = (one) => one } = parts;
  const bridges = parts.bridges ?? (await loadBridges());
  const problems = storeProblems(config.store);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  mkdirSync(config.store.path, { recursive: true, mode: 0o700 });
  const key = loadKey(config.store.key);
  const net = createGuardedFetch({ allow: config.net.allowPrivateHosts, timers: clock });
  const web = config.web && createWeb({ ...config.web, key, clock, log });
  const opened = await openSqlite({
    path: databaseIn(config.store),
    clock,
    vault: createVault(key),
    fileLifetime: config.web?.linkLifetime,
    onCommit: (point) => faults.at(`commit:${point}`),
    onBroken(error) {
      log.error({ err: error }, "the disk failed: ending, so that the next start sees what is really stored");
      process.exit(1);
    },
    writable: diskGuard(config.store.path, config.limits.minFreeDisk, clock, (enough) =>
      enough
        ? log.info({}, "there is room on the disk again: new messages are taken")
        : log.error(
            { bytes: config.limits.minFreeDisk },
            "the disk is almost full: nothing new is taken until there is more than limits.minFreeDisk; make room",
          ),
    ),
  });
  const store = wrapStore(opened);
  const gateway = new Gateway({
    store,
    clock,
    log,
    faults,
    permissions: permissionsOf(config),
    limits: limitsOf(config),
    fetch: net.fetch,
    mount: (bridge, handler) => web?.mount(bridge, handler),
    publicUrl: config.web?.publicUrl,
  });
  const components = config.bridges.map((entry) => {
    const bridge = bridges[entry.name];
    if (bridge === undefined) throw new Error(`there is no bridge ${entry.name}`);
    const component = createComponent({
      bridge,
      gateway,
      jid: entry.jid,
      secret: entry.secret,
      host: entry.server.host,
      port: entry.server.port,
      serverDomain: config.xmpp.domain,
      version: packageVersion(),
      clock,
      log: log.child({ component: entry.jid }),
      window: config.limits.window,
      maxStanza: config.limits.stanzaSize,
      links: web?.links,
      ...(parts.link === undefined ? {} : { limits: parts.link }),
    });
    gateway.bridges.attach(bridge, entry.options, component.output, component.groupChats);
    return component;
  });
  await web?.start({
    files: createFileReader({
      store: store.files,
      raw: store.lanes.raw,
      fileIn: (account, raw, source) => gateway.bridges.fileIn(account, raw, source),
      sessionOf: (account) => gateway.sessionOf(account),
    }),
    pages: gateway.pages,
    health: { links: () => linksOf(config, components), store: () => store.lanes.counts() },
  });
  await gateway.start();
  for (const component of components) component.start();
  log.info({ version: packageVersion() }, "viaduct accepts");
  return {
    gateway,
    components,
    async stop() {
      await web?.stop();
      await gateway.stop();
      await Promise.all(components.map((component) => component.stop()));
      await store.close();
      net.close();
    },
  };
}

/** By bridge: whether its stream is up. */
function linksOf(config: Config, components: readonly Component[]): Record<string, boolean> {
  return Object.fromEntries(config.bridges.map(({ name }, index) => [name, components[index]?.link.state === "up"]));
}

function permissionsOf(config: Config) {
  return createPermissions({
    allow: config.permissions.allow,
    admins: config.permissions.admins,
    bridges: Object.fromEntries(config.bridges.map((entry) => [entry.name, entry.permissions])),
  });
}

function limitsOf({ limits }: Config) {
  return {
    messagesPerMinute: limits.messagesPerMinute,
    burst: limits.messageBurst,
    newContactsPerHour: limits.newRecipientsPerHour,
    contactsPerAccount: limits.contactsPerUser,
    accountsPerUser: limits.accountsPerUser,
    loginAttempts: limits.loginAttempts,
    dialogsPerUser: limits.commandSessionsPerUser,
    // What a stanza can carry; a bridge may allow less.
    textLength: limits.stanzaSize,
    loadedRows: limits.loadedRows,
    queueExpiry: limits.queueExpiry,
    // Fairness inside an account; how many connections there are is the bridge's own matter.
    sendsPerAccount: 32,
    startsPerSecond: limits.loginsPerSecond,
  };
}

let version: string | undefined;

/** package.json lies one folder up in the sources and two in the built package. */
function packageVersion(): string {
  const levels = import.meta.url.endsWith(".ts") ? ".." : "../..";
  version ??= String(
    (JSON.parse(readFileSync(new URL(`${levels}/package.json`, import.meta.url), "utf8")) as { version: unknown })
      .version,
  );
  return version;
}
