// Domain mode: one mail domain for the users of one XMPP domain. Mail comes in by LMTP or SMTP and goes out through a
// smarthost; nobody signs in.
import type { Json, OutgoingMessage, Sent, Service, ServiceHost } from "#bridge";
import { addressOfUser } from "./domain-address.ts";
import type { Gate } from "./gate.ts";
import type { HostPolicy } from "./host-policy.ts";
import { type Listener, type ListenerTimes, memoryBudget, startListener } from "./lmtp.ts";
import { type DomainOptions, type EmailOptions, parseListen } from "./options.ts";
import { createOutgoing } from "./outgoing.ts";
import { openSmtp, type SmtpLogin } from "./smtp-client.ts";
import { SmtpPool } from "./smtp-pool.ts";

/** The smarthost closes idle connections after five minutes (RFC 5321 section 4.5.3.2.7); we do before. */
const smtpIdle = 30_000;

export interface ServiceDeps {
  readonly domain: DomainOptions;
  readonly resolvePolicy: HostPolicy;
  /** Files of all accounts on their way. */
  readonly gate: Gate;
  readonly times?: ListenerTimes;
}

/** Starts the listeners. @throws when a port is taken. */
export async function startService(host: ServiceHost<EmailOptions>, deps: ServiceDeps): Promise<Service> {
  const { domain } = deps;
  const memory = memoryBudget(domain.maxBufferedBytes);
  const listeners: Listener[] = [];
  const closeListeners = async (): Promise<void> => {
    await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  };
  try {
    for (const protocol of ["lmtp", "smtp"] as const) {
      const listen = parseListen(domain[protocol] ?? "");
      if (listen === undefined) continue;
      const listener = await startListener({
        protocol,
        listen,
        options: domain,
        log: host.log,
        memory,
        findAccount: (id) => host.findAccount(id),
        deliver: (account, mail) => host.deliver(account, [mail]),
        ...(deps.times === undefined ? {} : { times: deps.times }),
      });
      listeners.push(listener);
      host.log.info({ protocol, host: listen.host, port: listener.port }, "mail listener started");
    }
  } catch (error) {
    await closeListeners();
    throw error;
  }
  const pool = smarthostPool(deps);
  return {
    addressOf: (user) => addressOfUser(user, domain),
    async connect(account, session) {
      const outgoing = createOutgoing({
        address: account.self,
        pool,
        files: {
          fetch: session.fetch,
          signal: session.signal,
          log: session.log,
          mostBytes: host.options.attachmentBytes,
          gate: deps.gate,
        },
      });
      session.status("online");
      return {
        prepare: (message: OutgoingMessage): Promise<Json> => outgoing.prepare(message),
        send: (message: OutgoingMessage, prepared?: Json): Promise<Sent> => outgoing.send(message, prepared),
        // The pool and the listeners are everybody's.
        close: async () => undefined,
      };
    },
    async close() {
      await Promise.all([closeListeners(), pool.close()]);
    },
  };
}

function smarthostPool({ domain, resolvePolicy }: ServiceDeps): SmtpPool {
  const { smarthost } = domain;
  return new SmtpPool({
    maxConnections: smarthost.connections,
    idle: smtpIdle,
    open: async (signal) => {
      const { host, port, security, user, password } = smarthost;
      const server = await resolvePolicy.check({ host, port, security });
      const login: SmtpLogin = { server, name: domain.name };
      const auth = user === undefined || password === undefined ? {} : { auth: { user, password } };
      return openSmtp({ ...login, ...auth }, signal);
    },
  });
}
