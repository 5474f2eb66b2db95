// A link on the fake server, its log and what came through it.
import type { Logger } from "#bridge";
import { Link, type LinkLimits, type LinkOptions, type LinkState } from "../../src/xmpp/link.ts";
import type { Element } from "../../src/xmpp/stanza.ts";
import { createTestClock, type TestClock } from "../kit/clock.ts";
import { type FakeXmppServer, type FakeXmppServerOptions, startFakeXmppServer } from "../kit/fake-xmpp-server.ts";

export interface LinkSetup {
  readonly link: Link;
  readonly server: FakeXmppServer;
  readonly clock: TestClock;
  readonly stanzas: Element[];
  readonly states: LinkState[];
  readonly details: string[];
  readonly alarms: string[];
  /** "level message {fields}" */
  readonly log: string[];
  /** Resolves when the link reaches the state, at once when it has it. */
  until(state: LinkState): Promise<void>;
  end(): Promise<void>;
}

export interface LinkSetupOptions {
  readonly server?: FakeXmppServerOptions;
  readonly limits?: Partial<LinkLimits>;
  readonly secret?: string;
  readonly host?: string;
  readonly onStanza?: LinkOptions["onStanza"];
  /** Default true: wait until the link is up. */
  readonly up?: boolean;
}

export async function setUpLink(options: LinkSetupOptions = {}): Promise<LinkSetup> {
  const server = await startFakeXmppServer(options.server);
  const clock = createTestClock();
  const stanzas: Element[] = [];
  const states: LinkState[] = [];
  const details: string[] = [];
  const alarms: string[] = [];
  const log: string[] = [];
  const waiting = new Set<{ state: LinkState; resolve: () => void }>();
  const link = new Link({
    jid: "email.localhost",
    secret: options.secret ?? "secret",
    host: options.host ?? "127.0.0.1",
    port: server.port,
    clock,
    log: recorder(log),
    random: () => 0.5,
    onStanza: (stanza) => {
      stanzas.push(stanza);
      return options.onStanza?.(stanza);
    },
    onState: (state, detail) => {
      states.push(state);
      if (detail !== undefined) details.push(detail);
      for (const one of waiting) {
        if (one.state !== state) continue;
        waiting.delete(one);
        one.resolve();
      }
    },
    onAlarm: (text) => alarms.push(text),
    ...(options.limits ? { limits: options.limits } : {}),
  });
  const until = (state: LinkState): Promise<void> =>
    link.state === state ? Promise.resolve() : new Promise((resolve) => waiting.add({ state, resolve }));
  link.start();
  if (options.up !== false) await until("up");
  return {
    link,
    server,
    clock,
    stanzas,
    states,
    details,
    alarms,
    log,
    until,
    end: async () => {
      server.cut(); // so that no test waits for a polite end in a clock that stands still
      await link.stop();
      await server.stop();
    },
  };
}

const recorder = (log: string[]): Logger => {
  const at = (level: string) => (fields: object, message: string) =>
    void log.push(`${level} ${message} ${JSON.stringify(fields)}`);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
};
