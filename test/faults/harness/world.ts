// The servers around a gateway under test, and the gateway as a child that can be killed and started again on its data.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { email } from "../../../bridges/email/index.ts";
import type { LinkLimits } from "../../../src/xmpp/link-options.ts";
import { writeConfig } from "../../kit/viaduct.ts";
import { startChild, type ViaductChild } from "../../kit/viaduct-child.ts";
import { type Dovecot, startDovecot } from "../../lab/dovecot.ts";
import { freePorts } from "../../lab/ports.ts";
import { type Postfix, startPostfix } from "../../lab/postfix.ts";
import { startXmppServer, type XmppServer, type XmppServerName } from "../../lab/xmpp-server.ts";
import { builtFolder } from "../../kit/built.ts";
import { connectPerson, type Person } from "./person.ts";

/** Unlike anything else in the logs and the database (L9). */
export const secrets = { component: "plugh-component-secret", mail: "plover-mail-password" } as const;

export const mailDomain = "mail.localhost";
/** Signs in with a mail account of her own (account mode). */
const aliceMail = "alice@example.test";

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

export interface StartOptions {
  /** "point:hit". */
  readonly crash?: string;
  /** See viaduct-process.ts. */
  readonly plant?: string;
  /** Do not wait until the component is up. */
  readonly early?: boolean;
  readonly execArgv?: readonly string[];
}

export interface World {
  readonly xmpp: XmppServer;
  readonly dovecot: Dovecot | undefined;
  readonly postfix: Postfix | undefined;
  readonly ports: Ports;
  /** alice has account mode, dora domain mode. Both stay connected, whatever happens. */
  readonly alice: Person;
  readonly dora: Person;
  readonly database: string;
  /** The running gateway; throws when there is none. */
  readonly child: ViaductChild;
  /** Everything all gateways logged so far. */
  logs(): string;
  start(options?: StartOptions): Promise<ViaductChild>;
  /** Starts one that is to die at `crash`; resolves when it is dead. */
  startToDie(
    crash: string,
    options?: { readonly onUp?: () => void; readonly plant?: string; readonly withinMs?: number },
  ): Promise<void>;
  /** Kills what runs of the gateway. */
  halt(): Promise<void>;
  stop(): Promise<void>;
}

/** Servers, configuration, and both users registered. No gateway runs when it returns. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
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
  const alice = await connectPerson(xmpp, "alice", users.alice);
  const dora = await connectPerson(xmpp, "dora", users.dora);
  const children: ViaductChild[] = [];

  const start = async ({ crash, plant, early, execArgv }: StartOptions = {}): Promise<ViaductChild> => {
    const child = await startChild({
      config,
      log: "info",
      ...(crash === undefined ? {} : { crash }),
      ...(execArgv === undefined ? {} : { execArgv }),
      env: {
        ...(plant === undefined ? {} : { VIADUCT_PLANT: plant }),
        ...(options.link === undefined ? {} : { VIADUCT_LINK: JSON.stringify(options.link) }),
      },
    });
    children.push(child);
    if (early !== true) await Promise.race([child.up(), child.exited]);
    return child;
  };
  const current = (): ViaductChild => {
    const child = children.at(-1);
    if (child === undefined) throw new Error("no gateway was started");
    return child;
  };
  const world: World = {
    xmpp,
    dovecot,
    postfix,
    ports,
    alice,
    dora,
    database: join(dir, "data", "viaduct.db"),
    get child() {
      return current();
    },
    logs: () => children.map((child) => child.output()).join(""),
    start,
    async startToDie(crash, { onUp, plant, withinMs = 15_000 } = {}) {
      const began = Date.now();
      let child: ViaductChild;
      try {
        child = await start({ crash, ...(plant === undefined ? {} : { plant }) });
      } catch (error) {
        // At a boundary that it passes before it says that it is ready.
        if (String(error).includes("(SIGKILL)")) return;
        throw error;
      }
      onUp?.();
      const left = Math.max(0, withinMs - (Date.now() - began));
      const dead = await Promise.race([child.exited, sleep(left, undefined, { ref: false })]);
      if (dead?.signal === "SIGKILL") return;
      await child.kill();
      const state =
        dead === undefined ? `was not reached within ${withinMs} ms` : `was not reached: it ended (${dead.code})`;
      throw new Error(`${crash} ${state}\n${child.output().slice(-3000)}`);
    },
    async halt() {
      for (const child of children) await child.kill();
    },
    async stop() {
      await world.halt();
      await Promise.all([alice.close(), dora.close()]);
      await postfix?.stop();
      await dovecot?.stop();
      await xmpp.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return world;
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

/**
 * alice signs in as she would from a chat window. The gateway must run. Returns when it reads her mailbox: what comes
 * before that is history.
 */
export async function signIn({ alice }: World): Promise<void> {
  await alice.ask("login", /Mail address\?/);
  await alice.ask(aliceMail, /Password\?/);
  await alice.ask(secrets.mail, /Signed in as alice@example\.test/);
  for (const deadline = Date.now() + 15_000; ; await sleep(50)) {
    const state = await alice.ask("accounts", /^alice@example\.test: /);
    if (state.includes("online")) return;
    if (Date.now() > deadline) throw new Error(`alice's mailbox is not read: ${state}`);
  }
}

/** dora gets the address that domain mode has for her. The gateway must run. */
export async function enrol({ dora }: World): Promise<void> {
  await dora.ask("join", /Your address is dora@mail\.localhost/);
}
