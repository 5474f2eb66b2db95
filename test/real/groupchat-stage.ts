// The stage of a group chat on real servers: an XMPP server with its own rooms, Synapse with the gateway as its application
// service, and people on both sides.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMatrixBridge } from "../../bridges/matrix/index.ts";
import type { GatewayLogger } from "../../src/log.ts";
import { MatrixPerson } from "../kit/matrix-person.ts";
import { startViaduct, type Viaduct } from "../kit/viaduct.ts";
import { XmppClient } from "../kit/xmpp-client.ts";
import { freePorts } from "../lab/ports.ts";
import { startSynapse, type Synapse } from "../lab/synapse.ts";
import { startXmppServer, type XmppServer, type XmppServerName } from "../lab/xmpp-server.ts";
import { until } from "./stage.ts";

const serverName = "matrix.test";
const asToken = "gateway-to-homeserver-".padEnd(48, "a");
const hsToken = "homeserver-to-gateway-".padEnd(48, "h");

export interface GroupChatServersOptions {
  readonly xmpp: XmppServerName;
  /** Users of the XMPP server. */
  readonly users: readonly string[];
  /** Users of the homeserver. */
  readonly people: readonly string[];
  /** The group chats have an archive (XEP-0313). Default true. */
  readonly archive?: boolean;
}

/** The servers and the people; the gateway is somebody else's. */
export interface GroupChatServers {
  readonly xmpp: XmppServer;
  readonly synapse: Synapse;
  /** `web` of the gateway that the homeserver knows. */
  readonly web: { readonly listen: string; readonly publicUrl: string };
  /** `bridges.matrix` of it; `more` is `groupChats`. */
  settings(more: object): object;
  /** An XMPP user with a client. */
  enter(user: string): Promise<XmppClient>;
  /** Somebody on Matrix, with a client of their own. */
  person(user: string): Promise<MatrixPerson>;
  stop(): Promise<void>;
}

export interface GroupChatStage extends GroupChatServers {
  readonly gateway: Viaduct;
  stopGateway(): Promise<void>;
  startGateway(): Promise<void>;
}

export interface GroupChatStageOptions extends GroupChatServersOptions {
  /** `bridges.matrix.domain.groupChats`. */
  readonly groupChats?: object;
  readonly log?: GatewayLogger;
}

/** The alias of a group chat on the lab's own service. */
export const aliasOf = (room: string): string => `#_xmpp_${room}=40rooms.localhost:${serverName}`;

export async function groupChatServers(options: GroupChatServersOptions): Promise<GroupChatServers> {
  const [webPort = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${webPort}`;
  const ours = (sigil: string) => [{ exclusive: true, regex: `^${sigil}_xmpp_.*:matrix\\.test$` }];
  const [xmpp, synapse] = await Promise.all([
    startXmppServer(options.xmpp, {
      users: Object.fromEntries(options.users.map((user) => [user, "pw"])),
      components: [{ jid: "matrix.localhost", secret: "secret" }],
      archive: options.archive ?? true,
    }),
    startSynapse({
      users: Object.fromEntries(options.people.map((user) => [user, "secret"])),
      appservice: {
        id: "viaduct",
        url: `${url}/bridges/matrix`,
        as_token: asToken,
        hs_token: hsToken,
        sender_localpart: "_xmpp_bot",
        namespaces: { users: ours("@"), aliases: ours("#"), rooms: [] },
        rate_limited: false,
        receive_ephemeral: true,
      },
    }),
  ]);
  const domain = { homeserver: synapse.baseUrl, serverName, users: "localhost", asToken, hsToken };
  const clients: XmppClient[] = [];
  const people: MatrixPerson[] = [];
  return {
    xmpp,
    synapse,
    web: { listen: `127.0.0.1:${webPort}`, publicUrl: `${url}/` },
    settings: (groupChats) => ({ accounts: { enabled: false }, domain: { ...domain, groupChats } }),
    async enter(user) {
      const client = await XmppClient.connect({ port: xmpp.c2sPort, user, password: "pw" });
      clients.push(client);
      return client;
    },
    async person(user) {
      const person = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user, password: "secret" });
      people.push(person);
      return person;
    },
    async stop() {
      for (const person of people) person.stop();
      for (const client of clients) await client.close();
      await Promise.all([xmpp.stop(), synapse.stop()]);
    },
  };
}

export async function setGroupChatStage(options: GroupChatStageOptions): Promise<GroupChatStage> {
  const servers = await groupChatServers(options);
  const dir = mkdtempSync(join(tmpdir(), "viaduct-groupchat-"));
  const start = async (): Promise<Viaduct> => {
    const running = await startViaduct({
      componentPort: servers.xmpp.componentPort,
      bridges: { matrix: createMatrixBridge({ times: { first: 50, most: 500 } }) },
      settings: { matrix: servers.settings(options.groupChats ?? {}) },
      net: { allowPrivateHosts: ["127.0.0.1", "localhost", "upload.localhost"] },
      web: servers.web,
      limits: { minFreeDisk: "1 MiB" },
      dir,
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    await until("the component is up", () => running.components.every(({ link }) => link.state === "up"));
    return running;
  };
  let gateway: Viaduct | undefined = await start();
  return {
    ...servers,
    get gateway() {
      if (gateway === undefined) throw new Error("the gateway was stopped");
      return gateway;
    },
    async stopGateway() {
      await gateway?.stop();
      gateway = undefined;
    },
    async startGateway() {
      gateway ??= await start();
    },
    async stop() {
      await gateway?.stop();
      await servers.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A room of the XMPP server, made and entered by one of its users. Resolves with its JID. */
export async function makeRoom(
  client: XmppClient,
  room: string,
  nick: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  const jid = `${room}@rooms.localhost`;
  client.send(`<presence to='${jid}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await client.next((stanza) => stanza.attrs.from === `${jid}/${nick}`, { what: `${nick} in ${jid}` });
  const all = Object.entries({ FORM_TYPE: "http://jabber.org/protocol/muc#roomconfig", ...settings });
  const fields = all.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`).join("");
  const form = `<x xmlns='jabber:x:data' type='submit'>${fields}</x>`;
  await client.request(
    `<iq type='set' to='${jid}'><query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query></iq>`,
  );
  return jid;
}
