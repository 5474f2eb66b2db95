// A story: Viaduct with the toy bridge on the fake XMPP server, told as the stanzas that go to and fro.
//
// Expected stanzas are whole and written out. `{name}` stands for any text and is handed back under that name; spaces
// between elements and the order of attributes mean nothing.
import { setTimeout as sleep } from "node:timers/promises";
import { type Element, parse } from "ltx";
import { expect, onTestFinished } from "vitest";
import type { AnyBridge } from "#bridge";
import { createToyBridge } from "../../bridges/toy/index.ts";
import { ToyNetwork } from "../../bridges/toy/network.ts";
import type { GatewayLogger } from "../../src/log.ts";
import type { Parts } from "../../src/main.ts";
import { type FakeXmppServer, startFakeXmppServer } from "../kit/fake-xmpp-server.ts";
import { startViaduct, type Viaduct } from "../kit/viaduct.ts";
import { freePorts } from "../lab/ports.ts";

export interface StoryOptions {
  /** Every user has a toy name without signing in. Default: false, users sign in. */
  readonly domain?: boolean;
  readonly limits?: object;
  readonly permissions?: object;
  readonly parts?: Omit<Parts, "bridges">;
  readonly network?: ToyNetwork;
  /** Changes the toy bridge. */
  readonly bridge?: (toy: AnyBridge) => AnyBridge;
  /** Where the data of an earlier run lies. */
  readonly dir?: string;
  /** The gateway has a web server. */
  readonly web?: boolean;
}

export type Found = Readonly<Record<string, string>>;

export interface Story {
  readonly server: FakeXmppServer;
  readonly network: ToyNetwork;
  readonly viaduct: Viaduct;
  /** Errors in the log. A story that does not expect any fails at its end. */
  readonly errors: string[];
  /** The XMPP server hands a stanza to the component. */
  send(xml: string): Promise<void>;
  /** Waits for the stanza. */
  expect(xml: string): Promise<Found>;
  /** Sends an iq and waits for the answer to it; `{id}` is filled in in both. */
  ask(request: string, answer: string): Promise<Found>;
  /** Everything has been answered, and nothing but what was expected. */
  nothing(): Promise<void>;
  /** Forgets what came so far. */
  skip(): Promise<void>;
  /** Waits for something that is no stanza. */
  until(what: string, look: () => unknown): Promise<void>;
  stop(): Promise<void>;
}

const patience = 5_000;

export async function startStory(options: StoryOptions = {}): Promise<Story> {
  const network = options.network ?? new ToyNetwork();
  const server = await startFakeXmppServer();
  const errors: string[] = [];
  const web = options.web === true ? await webAddress() : undefined;
  const viaduct = await startViaduct({
    componentPort: server.port,
    bridges: { toy: options.bridge?.(createToyBridge(network)) ?? createToyBridge(network) },
    settings: { toy: { domain: options.domain ?? false } },
    log: quietLog(errors),
    ...(options.limits ? { limits: options.limits } : {}),
    ...(options.permissions ? { permissions: options.permissions } : {}),
    ...(options.parts ? { parts: options.parts } : {}),
    ...(options.dir ? { dir: options.dir } : {}),
    ...(web ? { web } : {}),
  });
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    await viaduct.stop();
    await server.stop();
    expect(server.malformed).toEqual([]);
  };
  onTestFinished(stop);

  const read = new Set<Element>();
  const unread = () => server.stanzas.filter((stanza) => !read.has(stanza));
  const until = async (what: string, look: () => unknown): Promise<void> => {
    for (const end = Date.now() + patience; !(await look()); await sleep(2)) {
      if (Date.now() > end) throw new Error(`${what}: not within ${patience} ms. Unread:\n${unread().join("\n")}`);
    }
  };
  const expectStanza = async (xml: string): Promise<Found> => {
    const pattern = toPattern(xml);
    let found: Found = {};
    await until(`expected\n${canonical(parse(xml))}`, () =>
      unread().some((stanza) => {
        const match = pattern.exec(canonical(stanza));
        if (match) read.add(stanza);
        if (match) found = { ...match.groups };
        return match !== null;
      }),
    );
    return found;
  };
  let asked = 0;
  const story: Story = {
    server,
    network,
    viaduct,
    errors,
    send: (xml) => server.inject(xml.trim()),
    expect: expectStanza,
    async ask(request, answer) {
      const id = `ask-${++asked}`;
      await server.inject(request.replaceAll("{id}", id).trim());
      return expectStanza(answer.replaceAll("{id}", id));
    },
    async nothing() {
      await settle(story);
      expect(unread().map(canonical)).toEqual([]);
    },
    async skip() {
      await settle(story);
      for (const stanza of unread()) read.add(stanza);
    },
    until,
    stop,
  };
  await until("the link is up", () => viaduct.components.every((component) => component.link.state === "up"));
  return story;
}

async function webAddress(): Promise<{ readonly listen: string; readonly publicUrl: string }> {
  const [port = 0] = await freePorts(1);
  return { listen: `127.0.0.1:${port}`, publicUrl: `http://127.0.0.1:${port}/` };
}

/** Alice is signed in as al, and what that says is behind us. Her password is "secret". */
export async function aliceSignedIn(options: StoryOptions = {}): Promise<Story> {
  const story = await startStory(options);
  await signIn(story, "alice", "al");
  return story;
}

export async function signIn(story: Story, user: string, name: string): Promise<void> {
  story.network.passwords.set(name, "secret");
  await story.ask(
    `<iq type="set" id="{id}" from="${user}@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register">
      <username>${name}</username><password>secret</password></query></iq>`,
    `<iq type="result" id="{id}" from="toy.localhost" to="${user}@localhost/phone"/>`,
  );
  const accounts = () => story.viaduct.gateway.accounts.of("toy", `${user}@localhost`);
  await story.until("the session is online", () =>
    accounts().some(
      (account) => account.self === name && story.viaduct.gateway.sessions.stateOf(account.id)?.state === "online",
    ),
  );
  await story.skip();
}

/** Whatever was sent before has been handled: its answers are here. */
async function settle(story: Story): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await story.ask(
      `<iq type="get" id="{id}" from="localhost" to="toy.localhost"><ping xmlns="urn:xmpp:ping"/></iq>`,
      `<iq type="result" id="{id}" from="toy.localhost" to="localhost"/>`,
    );
    // Rows are written and fenced some milliseconds after they were accepted.
    await sleep(40);
  }
}

function quietLog(errors: string[]): GatewayLogger {
  const log: GatewayLogger = {
    debug() {},
    info() {},
    warn() {},
    error: (fields, message) => void errors.push(`${message} ${"err" in fields ? String(fields.err) : ""}`.trim()),
    child: () => log,
  };
  return log;
}

/** One way to write an element. */
export function canonical(element: Element): string {
  const attributes = Object.entries(element.attrs as Record<string, string>)
    .filter(([name, value]) => value !== undefined && !(name === "xmlns" && value === "jabber:component:accept"))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ` ${name}="${value}"`)
    .join("");
  const inside = element.children
    .map((node) => (typeof node === "string" ? (node.trim() === "" ? "" : node) : canonical(node)))
    .join("");
  return `<${element.name}${attributes}>${inside}</${element.name}>`;
}

function toPattern(xml: string): RegExp {
  const seen = new Set<string>();
  const source = canonical(parse(xml))
    .split(/(\{\w+\})/)
    .map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      if (seen.has(name)) return `\\k<${name}>`;
      seen.add(name);
      return `(?<${name}>[^"]+?)`;
    })
    .join("");
  return new RegExp(`^${source}$`, "s");
}
