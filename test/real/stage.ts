// The stage of a story on real servers: an XMPP server, Dovecot, Postfix, the gateway between them, and people.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { createEmailBridge } from "../../bridges/email/index.ts";
import type { GatewayLogger } from "../../src/log.ts";
import { directions, states } from "../../src/store/tables.ts";
import { type Mail, readMailbox, type SentMail, sendMail, waitForMail } from "../kit/mail-client.ts";
import { startViaduct, type Viaduct } from "../kit/viaduct.ts";
import { type Dovecot, startDovecot } from "../lab/dovecot.ts";
import { freePorts } from "../lab/ports.ts";
import { type Postfix, startPostfix } from "../lab/postfix.ts";
import { startXmppServer, type XmppServer, type XmppServerName } from "../lab/xmpp-server.ts";
import { connectPerson, type Person } from "./person.ts";

export interface StageOptions {
  readonly xmpp: XmppServerName;
  /** Users of the XMPP server, all with the password "pw". */
  readonly users: readonly string[];
  readonly privilege?: boolean;
  readonly tls?: boolean;
  /** Own mail accounts at example.org and example.net. Default true. */
  readonly accounts?: boolean;
  /** The mail domain mail.localhost for the users of localhost. Default false. */
  readonly domain?: boolean;
  /** More options of the email bridge. */
  readonly settings?: object;
  readonly limits?: object;
  readonly permissions?: object;
  readonly web?: object;
  readonly net?: object;
  readonly log?: GatewayLogger;
  /** Where the gateway keeps its data. Default: a temporary folder, removed by `stop`; one given here stays. */
  readonly dir?: string;
}

/** A mail from somebody's mail program. */
export interface Letter {
  /** As it stands in the header: "Bob Builder <bob@example.test>" or the address alone. */
  readonly from: string;
  readonly to: string;
  readonly subject?: string;
  readonly text?: string;
  /** The mail it answers. */
  readonly answers?: Pick<Mail, "messageId" | "headers">;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Stage {
  readonly xmpp: XmppServer;
  readonly dovecot: Dovecot;
  readonly postfix: Postfix;
  readonly lmtpPort: number;
  /** The gateway's folder of data. */
  readonly data: string;
  readonly gateway: Viaduct;
  /** Logs a user in; the stage logs everybody out in the end. */
  enter(user: string, resource?: string): Promise<Person>;
  /** Sends a mail the way a mail program does, through Postfix. */
  post(letter: Letter): Promise<SentMail>;
  /** The same with the bytes given. */
  postRaw(from: string, to: string | readonly string[], lines: readonly string[]): Promise<SentMail>;
  /** The first mail in a mailbox that holds this text, waiting for it. */
  mailWith(address: string, text: string): Promise<Mail>;
  mailsOf(address: string): Promise<Mail[]>;
  /** Whether the XMPP server has confirmed everything that came from this address. */
  handedOver(address: string): boolean;
  stopGateway(): Promise<void>;
  startGateway(): Promise<void>;
  stop(): Promise<void>;
}

export const addressOf = (mailbox: string): string => /<([^>]*)>/.exec(mailbox)?.[1] ?? mailbox;

export async function setStage(options: StageOptions): Promise<Stage> {
  const { users, privilege, tls, accounts = true, domain = false } = options;
  const [lmtpPort = 0] = await freePorts(1);
  const [xmpp, dovecot] = await Promise.all([
    startXmppServer(options.xmpp, {
      users: Object.fromEntries(users.map((user) => [user, "pw"])),
      ...(privilege === undefined ? {} : { privilege }),
      ...(tls === undefined ? {} : { tls }),
    }),
    startDovecot({ connections: 200 }),
  ]);
  const postfix = await startPostfix({
    lmtpPort: dovecot.lmtpPort,
    saslPort: dovecot.saslPort,
    gateway: { "mail.localhost": `lmtp:inet:127.0.0.1:${lmtpPort}` },
  });
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "viaduct-real-"));
  const server = (port: number) => ({ host: "127.0.0.1", port, security: "none" });
  const own = { imap: server(dovecot.imapPort), smtp: server(postfix.submissionPort) };
  const settings = {
    accounts: accounts ? { servers: { "example.org": own, "example.net": own } } : { enabled: false },
    ...(domain
      ? {
          domain: {
            name: "mail.localhost",
            users: "localhost",
            lmtp: `127.0.0.1:${lmtpPort}`,
            smarthost: server(postfix.smtpPort),
          },
        }
      : {}),
    ...options.settings,
  };
  const start = async (): Promise<Viaduct> => {
    const running = await startViaduct({
      componentPort: xmpp.componentPort,
      bridges: { email: createEmailBridge({ times: { first: 50, confirmRefusal: [50] } }) },
      settings: { email: settings },
      limits: { minFreeDisk: "1 MiB", ...options.limits },
      dir,
      ...(options.permissions === undefined ? {} : { permissions: options.permissions }),
      ...(options.web === undefined ? {} : { web: options.web }),
      ...(options.net === undefined ? {} : { net: options.net }),
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    await until("the component is up", () => running.components.every(({ link }) => link.state === "up"));
    return running;
  };
  let gateway: Viaduct | undefined = await start();
  const people: Person[] = [];

  return {
    xmpp,
    dovecot,
    postfix,
    lmtpPort,
    data: join(dir, "data"),
    get gateway() {
      if (gateway === undefined) throw new Error("the gateway was stopped");
      return gateway;
    },
    async enter(user, resource = "laptop") {
      const person = await connectPerson({ port: xmpp.c2sPort, user, password: "pw", resource });
      people.push(person);
      return person;
    },
    post({ from, to, subject = "", text = "", answers, headers = {} }) {
      const known = answers?.headers.get("references") ?? "";
      const thread =
        answers === undefined
          ? {}
          : { "In-Reply-To": answers.messageId, References: `${known} ${answers.messageId}`.trim() };
      const all = { From: from, ...thread, ...headers };
      return sendMail({ port: postfix.smtpPort, from: addressOf(from), to, subject, text, headers: all });
    },
    postRaw: (from, to, lines) =>
      sendMail({ port: postfix.smtpPort, from, to, raw: Buffer.from(lines.join("\r\n"), "utf8") }),
    mailWith: (address, text) => waitForMail(mailboxOf(dovecot, address), (mail) => mail.text.includes(text), 15_000),
    mailsOf: (address) => readMailbox(mailboxOf(dovecot, address)),
    handedOver(address) {
      const db = new DatabaseSync(join(dir, "data", "viaduct.db"), { readOnly: true });
      const rows = db.prepare("SELECT state FROM lane_rows WHERE peer = ? AND direction = ?");
      const found = rows.all(`contact/${address}`, directions.indexOf("incoming"));
      db.close();
      return found.length > 0 && found.every(({ state }) => state === states.indexOf("done"));
    },
    async stopGateway() {
      await gateway?.stop();
      gateway = undefined;
    },
    async startGateway() {
      gateway ??= await start();
    },
    async stop() {
      for (const person of people) await person.close();
      await gateway?.stop();
      await Promise.all([xmpp.stop(), postfix.stop(), dovecot.stop()]);
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

const mailboxOf = ({ imapPort, password }: Dovecot, user: string) => ({ imapPort, user, password });

/** Looks every 20 ms until it is true. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await isTrue()); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
  }
}
