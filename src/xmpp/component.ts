// One bridge's component, put together: link, router, features, output. Everything of the edge that has a lifecycle.
import type { AnyBridge, Logger } from "#bridge";
import type { Gateway } from "../gateway/gateway.ts";
import type { IncomingRow } from "../gateway/lane-ports.ts";
import type { Clock } from "../gateway/ports.ts";
import type { FileLinks } from "../gateway/web-ports.ts";
import { Addresses } from "./addresses.ts";
import { Bookmarks } from "./bookmarks.ts";
import { Fence } from "./fence.ts";
import { Link, LinkDownError, type LinkLimits, type LinkState } from "./link.ts";
import { muc, roomItems } from "./muc/features.ts";
import { inviteDirectly } from "./muc/message-in.ts";
import type { MucOptions } from "./muc/options.ts";
import { MucClient } from "./muc-client/client.ts";
import { Online } from "./online.ts";
import { Output } from "./output.ts";
import { Privileges } from "./privileges.ts";
import { Roster } from "./roster.ts";
import { Router } from "./router.ts";
import { commandNodes, commands } from "./xeps/adhoc.ts";
import { capsOf, disco, type DiscoOptions } from "./xeps/disco.ts";
import { ping, time, uptime, version } from "./xeps/facts.ts";
import { gatewayPrompt } from "./xeps/gateway-prompt.ts";
import { messages } from "./xeps/message-in.ts";
import { presences } from "./xeps/presence-in.ts";
import { registration } from "./xeps/register.ts";
import { userAvatars } from "./xeps/user-avatar.ts";
import { vcards } from "./xeps/vcard.ts";
import { NS } from "./ns.ts";
import { serialize } from "./stanza.ts";

/** Bytes of an answer: a card with its picture. Prosody takes 512 KiB of one stanza. */
const largestAnswer = 262_144;
/** Milliseconds that the server has, when we stop, to confirm what was written last. */
const farewell = 2_000;

export interface ComponentOptions {
  readonly bridge: AnyBridge;
  readonly gateway: Gateway;
  /** The component's domain. */
  readonly jid: string;
  readonly secret: string;
  readonly host: string;
  readonly port: number;
  /** The XMPP server's own domain. */
  readonly serverDomain: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Rows on the stream without an answered ping. */
  readonly window: number;
  /** Bytes of the largest stanza we write. */
  readonly maxStanza: number;
  /** Undefined without an HTTP server: files are only named. */
  readonly links?: FileLinks | undefined;
  readonly onState?: (state: LinkState, detail: string | undefined) => void;
  /** Deadlines of the link, where the defaults are not wanted. */
  readonly limits?: Partial<LinkLimits>;
}

export interface Component {
  readonly output: Output;
  readonly groupChats: MucClient;
  readonly link: Link;
  readonly router: Router;
  start(): void;
  stop(): Promise<void>;
}

export function createComponent(options: ComponentOptions): Component {
  const { bridge, gateway, clock, log, serverDomain } = options;
  const name = bridge.name;
  const events = gateway.linkEvents(name);
  const addresses = new Addresses(options.jid, bridge.contacts, bridge.rooms);
  const privileges = new Privileges(serverDomain, log);
  const online = new Online();

  const fence: Fence<IncomingRow> = new Fence<IncomingRow>({
    ping: () => link.ping(),
    onFenced(rows) {
      events.taken(rows);
      events.room();
    },
    onLost(rows) {
      events.lost(rows);
      events.room();
    },
    window: options.window,
    every: Math.ceil(options.window / 2),
  });
  const link = new Link({
    jid: options.jid,
    secret: options.secret,
    host: options.host,
    port: options.port,
    serverDomain,
    clock,
    log,
    onStanza: (stanza) => router.route(stanza),
    onState(state, detail) {
      options.onState?.(state, detail);
      if (state === "up") {
        groupChats.up();
        return events.up();
      }
      groupChats.down();
      privileges.reset();
      bookmarks.reset();
      fence.reset(new LinkDownError("the stream is gone"));
      events.down();
    },
    onAlarm: (text) => log.error({ component: options.jid }, text),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const groupChats = new MucClient({
    link,
    addresses,
    events: gateway.groupChats.events(name),
    serverDomain,
    clock,
    log,
    maxStanza: options.maxStanza,
    links: options.links,
  });
  const router = new Router({
    addresses,
    log,
    serverDomain,
    fromGroupChat: (stanza, from, to) => (groupChats.knows(from) ? groupChats.receive(stanza, from, to) : undefined),
    mayUse: (user) => gateway.mayUse(name, user),
    named: (user, local) => gateway.rooms.known.named(name, user, local),
    send: (stanza) => void link.send(serialize(stanza, { maxBytes: largestAnswer })),
  });

  const identity = { category: "gateway", type: bridge.identity.type, name: bridge.identity.title };
  const mucOptions: MucOptions = {
    bridge: name,
    gateway,
    verbs: bridge.verbs,
    addresses,
    clock,
    send: (stanza) => void link.send(stanza),
    links: options.links,
    files: bridge.files ?? false,
  };
  const conference = { category: "conference", type: "text", name: bridge.identity.title };
  const discoOptions: DiscoOptions = {
    router,
    gateway: identity,
    nodes: commandNodes({ bridge: name, gateway }),
    ...(bridge.rooms ? { rooms: { identity: conference, items: roomItems(mucOptions) } } : {}),
  };
  router.use(
    disco(discoOptions),
    registration({ bridge: name, gateway }),
    commands({ bridge: name, gateway }),
    gatewayPrompt({
      prompt: bridge.identity.addressPrompt,
      addresses,
      idOf: (text) => bridge.contacts.fromLocal(text),
    }),
    vcards({ bridge: name, gateway, title: bridge.identity.title }),
    ...(bridge.verbs.includes("openAvatar") ? [userAvatars({ bridge: name, gateway })] : []),
    messages({
      bridge: name,
      gateway,
      verbs: bridge.verbs,
      files: bridge.files ?? false,
      serverDomain,
      onRefused: (key, reason) => events.refused(key, reason),
      onPrivilege: (stanza) => privileges.learn(stanza),
      inviteDirectly: (user, contact, stanza) => inviteDirectly(user, contact, stanza, mucOptions),
    }),
    ...(bridge.rooms ? muc(mucOptions, () => router) : []),
    presences({ bridge: name, gateway, online }),
    ping,
    version(options.version),
    uptime(clock),
    time(clock),
    // Spoken in what we write, with no route of their own.
    { xep: "0115", features: { gateway: [NS.caps], contact: [NS.caps] } },
    { xep: "0106", features: { gateway: [NS.escaping] } },
  );
  const roster = new Roster({
    addresses,
    iq: link.iq,
    privileges,
    send: (stanza) => link.send(stanza),
    onlineResource: (user) => online.clientOf(user),
    group: bridge.identity.title,
    onSubscribed: (user, contact) => events.subscribed(user, contact),
    log,
  });
  const bookmarks = new Bookmarks({ iq: link.iq, privileges, log });
  const output = new Output({
    link,
    fence,
    addresses,
    roster,
    bookmarks,
    clock,
    caps: capsOf(discoOptions),
    markable: bridge.verbs.includes("markRead"),
    maxStanza: options.maxStanza,
    links: options.links,
    isOnline: (client) => online.isHere(client),
    privileges,
    serverDomain,
  });
  return {
    output,
    groupChats,
    link,
    router,
    start: () => link.start(),
    async stop() {
      // What the server confirms now need not be said again at the next start.
      await Promise.race([fence.quiet(), new Promise<void>((resolve) => void clock.setTimeout(resolve, farewell))]);
      await link.stop();
    },
  };
}
