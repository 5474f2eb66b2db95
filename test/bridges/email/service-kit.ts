// Domain mode as the core would run it: accounts of a map, deliveries in memory.
import { MemoryRecords, noGroupChats, plainFetch } from "../../../src/bridge/harness.ts";
import type { Incoming, IncomingOriginal, Service, ServiceHost } from "#bridge";
import { createGate } from "../../../bridges/email/gate.ts";
import { operatorPolicy } from "../../../bridges/email/host-policy.ts";
import type { ListenerTimes } from "../../../bridges/email/lmtp.ts";
import { type DomainOptions, type EmailOptions, emailOptions } from "../../../bridges/email/options.ts";
import { startService } from "../../../bridges/email/service.ts";
import { freePorts } from "../../lab/ports.ts";
import { silentLog } from "./recording-host.ts";
import { loopbackResolver } from "./resolver.ts";

export interface RunningService {
  readonly service: Service;
  readonly lmtpPort: number;
  readonly smtpPort: number;
  /** Mails by account address, in the order they were stored; a repeat of an id is dropped, as the core does. */
  readonly stored: (address: string) => readonly IncomingOriginal[];
  /** What happens instead of storing, while set. */
  interrupt: ((account: number) => Promise<void>) | undefined;
  close(): Promise<void>;
}

export async function runService(
  given: Partial<DomainOptions> = {},
  smarthostPort = 1,
  times?: ListenerTimes,
): Promise<RunningService> {
  const [lmtpPort = 0, smtpPort = 0] = await freePorts(2);
  const options: EmailOptions = emailOptions.parse({
    domain: {
      name: "mail.test",
      users: "xmpp.test",
      lmtp: `127.0.0.1:${lmtpPort}`,
      smtp: `127.0.0.1:${smtpPort}`,
      smarthost: { host: "127.0.0.1", port: smarthostPort, security: "none" },
      ...given,
    },
  });
  const accounts = ["alice@mail.test", "bob@mail.test", "full+name@mail.test"];
  const mails = new Map<number, IncomingOriginal[]>();
  const running: RunningService = {
    service: undefined as unknown as Service,
    lmtpPort,
    smtpPort,
    stored: (address) => mails.get(accounts.indexOf(address)) ?? [],
    interrupt: undefined,
    close: async () => running.service.close(),
  };
  const host: ServiceHost<EmailOptions> = {
    options,
    log: silentLog,
    signal: new AbortController().signal,
    findAccount: async (self) => {
      const id = accounts.indexOf(self);
      return id < 0 ? undefined : { id, user: self.replace("mail.test", "xmpp.test") };
    },
    groupChats: noGroupChats,
    enrol: async () => undefined,
    profileOf: async () => ({}),
    deliverAll: async () => {
      throw new Error("mail comes for one account at a time");
    },
    records: new MemoryRecords(),
    fetch: plainFetch,
    mount: () => undefined,
    deliver: async (account: number, events: readonly Incoming[]) => {
      await running.interrupt?.(account);
      const list = mails.get(account) ?? [];
      mails.set(account, list);
      for (const event of events) {
        if (event.type === "original" && !list.some((mail) => mail.id === event.id)) list.push(event);
      }
    },
  };
  const { domain } = options;
  if (domain === undefined) throw new Error("no domain");
  const policy = operatorPolicy(domain.smarthost, loopbackResolver);
  const service = await startService(host, {
    domain,
    resolvePolicy: policy,
    gate: createGate(1),
    ...(times === undefined ? {} : { times }),
  });
  return Object.assign(running, { service });
}
