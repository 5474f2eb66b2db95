// The servers around a gateway under test, for mail: see matrix-world.ts for the other network.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { email } from "../../../bridges/email/index.ts";
import type { LinkLimits } from "../../../src/xmpp/link-options.ts";
import { writeConfig } from "../../kit/viaduct.ts";
import { type Dovecot, startDovecot } from "../../lab/dovecot.ts";
import { freePorts } from "../../lab/ports.ts";
import { type Postfix, startPostfix } from "../../lab/postfix.ts";
import { startXmppServer, type XmppServer, type XmppServerName } from "../../lab/xmpp-server.ts";
import { builtFolder } from "../../kit/built.ts";
import { type GatewayRuns, gatewayRuns } from "./gateway-runs.ts";
import { mailDomain, mailNetwork, secrets } from "./mail-network.ts";
import type { Network } from "./network.ts";
import { connectPerson, type Person } from "./person.ts";

/** Where the gateway connects to; a proxy or a fake server may stand at any of them. */
export interface Ports {
  readonly component: number;
  readonly imap: number;
  readonly submission: number;
  readonly smarthost: number;
  /** Where the gateway itself listens. */
  readonly lmtp: number;
}

export interface WorldOptions {
  /** Default "prosody". */
  readonly xmpp?: XmppServerName;
  /** Start Dovecot and Postfix. Default true; without them `reroute` names what takes their place. */
  readonly mail?: boolean;
  /** Put something between the gateway and a server. Gets the real ports. */
  readonly reroute?: (ports: Ports) => Promise<Partial<Ports>>;
  /** Put something before the gateway's LMTP port: returns the port for Postfix to connect to. */
  readonly beforeLmtp?: (port: number) => Promise<number>;
  /** Prosody: a second stream of the component replaces the first. */
  readonly conflict?: "kick_old";
  /** Deadlines of the component stream. */
  readonly link?: Partial<LinkLimits>;
  readonly limits?: object;
}

/** What a scenario needs, whatever the network. */
export interface World extends GatewayRuns {
  readonly xmpp: XmppServer;
  readonly network: Network;
  /** alice has account mode, dora domain mode. Both stay connected, whatever happens. */
  readonly alice: Person;
  readonly dora: Person;
  readonly database: string;
  stop(): Promise<void>;
}

export interface MailWorld extends World {
  readonly dovecot: Dovecot | undefined;
  readonly postfix: Postfix | undefined;
  readonly ports: Ports;
}

/** Servers, configuration, and both users registered. No gateway runs when it returns. */
export async function startWorld(options: WorldOptions = {}): Promise<MailWorld> {
  process.env["VIADUCT_BUILT"] ??= builtFolder();
  const users = { alice: "pw", dora: "pw" };
  const components = [{ jid: "email.localhost", secret: secrets.component }];
  const xmpp = await startXmppServer(options.xmpp ?? "prosody", {
    users,
    components,
    ...(options.conflict === undefined ? {} : { conflict: options.conflict }),
  });
  const [lmtp = 0] = await freePorts(1);
  const wantsMail = options.mail !== false;
  const dovecot = wantsMail ? await startDovecot({ password: secrets.mail }) : undefined;
  const postfix =
    dovecot &&
    (await startPostfix({
      lmtpPort: dovecot.lmtpPort,
      saslPort: dovecot.saslPort,
      gateway: { [mailDomain]: `lmtp:inet:127.0.0.1:${(await options.beforeLmtp?.(lmtp)) ?? lmtp}` },
    }));
  const real = {
    component: xmpp.componentPort,
    imap: dovecot?.imapPort ?? 0,
    submission: postfix?.submissionPort ?? 0,
    smarthost: postfix?.smtpPort ?? 0,
    lmtp,
  };
  const ports = { ...real, ...(await options.reroute?.(real)) };
  const dir = mkdtempSync(join(tmpdir(), "viaduct-faults-"));
  const config = writeConfig(dir, {
    componentPort: ports.component,
    bridges: { email },
    settings: { email: emailSettings(ports) },
    limits: { minFreeDisk: "1 MiB", ...options.limits },
  });
  const database = join(dir, "data", "viaduct.db");
  const network = mailNetwork({ dovecot, postfix, lmtp: ports.lmtp, database });
  const alice = await connectPerson(xmpp, "alice", users.alice, network.component);
  const dora = await connectPerson(xmpp, "dora", users.dora, network.component);
  const runs = gatewayRuns(config, options.link);
  const servers = { xmpp, dovecot, postfix, ports };
  return Object.assign(runs, servers, {
    network,
    alice,
    dora,
    database,
    async stop() {
      await runs.halt();
      await Promise.all([alice.close(), dora.close()]);
      await postfix?.stop();
      await dovecot?.stop();
      await xmpp.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  });
}

function emailSettings(ports: Ports): object {
  const server = (port: number) => ({ host: "127.0.0.1", port, security: "none" });
  return {
    secret: secrets.component,
    // Port 0 is no port: a world without that server has no such setting.
    ...(ports.imap > 0 && ports.submission > 0
      ? { accounts: { servers: { "example.test": { imap: server(ports.imap), smtp: server(ports.submission) } } } }
      : {}),
    ...(ports.smarthost > 0
      ? {
          domain: {
            name: mailDomain,
            users: "localhost",
            lmtp: `127.0.0.1:${ports.lmtp}`,
            smarthost: server(ports.smarthost),
          },
        }
      : {}),
  };
}

/** alice gets her account. The gateway must run; returns when what comes is news. */
export const signIn = ({ network, alice }: World): Promise<void> => network.signIn(alice);

/** dora gets hers. The gateway must run. */
export const enrol = ({ network, dora }: World): Promise<void> => network.enrol(dora);

/** Both have their accounts, and the gateway that gave them runs. */
export async function register(world: World) {
  const gateway = await world.start();
  await signIn(world);
  await enrol(world);
  return gateway;
}

/** The same, and no gateway runs: where stories of crashes begin. */
export async function settled<W extends World>(starting: Promise<W>): Promise<W> {
  const world = await starting;
  const gateway = await register(world);
  await gateway.stop();
  return world;
}
