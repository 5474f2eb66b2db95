// The Matrix side of the lanes. Each lane has a person of its own on the homeserver; alice has the account "al" there, of
// which the gateway is one device and the driver another, and dora is a user of the application service.
import { setTimeout as sleep } from "node:timers/promises";
import type { Synapse } from "../../lab/synapse.ts";
import { entryOf } from "./far-end.ts";
import type { Marker } from "./marker.ts";
import { connectPeer, type MatrixPeer } from "./matrix-peer.ts";
import type { Answer, Conversation, Network } from "./network.ts";
import type { Person } from "./person.ts";

export const serverName = "matrix.test";
/** Of the application service: as operators make them, and unlike anything else in the logs and the database (L9). */
export const secrets = {
  component: "plugh-component-secret",
  matrix: "plover-matrix-password",
  asToken: "plugh-gateway-to-homeserver-token-".padEnd(48, "a"),
  hsToken: "plugh-homeserver-to-gateway-token-".padEnd(48, "h"),
} as const;
/** alice's own account. */
export const aliceUser = "al";
const aliceId = `@${aliceUser}:${serverName}`;
const doraId = `@_xmpp_dora=40localhost:${serverName}`;

/** @param gateway where the homeserver reaches the gateway, without a slash at the end */
export function matrixNetwork(synapse: Synapse, gateway: string): Network {
  const component = "matrix.localhost";
  /** By user id, and the room that each talks in. */
  const peers = new Map<string, Promise<MatrixPeer>>();
  const rooms = new Map<string, string>();
  /** By run. */
  const shared = new Map<string, Promise<string>>();
  let own: Promise<MatrixPeer> | undefined;

  const peerOf = (userId: string): Promise<MatrixPeer> => {
    const known = peers.get(userId);
    if (known !== undefined) return known;
    const user = userId.slice(1).split(":")[0] ?? "";
    const made = synapse.addUser(user, "pw").then(() => connectPeer(synapse, user, "pw"));
    peers.set(userId, made);
    return made;
  };
  const jidOfRoom = (run: string): string => `#${run}\\3a${serverName}@${component}`;
  /** A room that alice has entered from her XMPP client. */
  const sharedRoom = (run: string, alice: Person): Promise<string> => {
    const known = shared.get(run);
    if (known !== undefined) return known;
    const made = peerOf(`@${run}-host:${serverName}`).then(async (host) => {
      const room = await host.createPublicRoom(run);
      await enterRoom(alice, jidOfRoom(run));
      return room;
    });
    shared.set(run, made);
    return made;
  };

  /** @returns the room that the peer is to write in; undefined: the gateway will make one */
  const roomFor = async ({ run, direction, mode, person }: Conversation, peer: MatrixPeer) => {
    if (mode === "room") {
      const room = await sharedRoom(run, person);
      await peer.join(room);
      return room;
    }
    if (direction === "out") return undefined;
    if (mode === "account") {
      own ??= connectPeer(synapse, aliceUser, secrets.matrix);
      const room = await (await own).createDm(peer.userId);
      await peer.join(room);
      return room;
    }
    const room = await peer.createDm(doraId);
    // The driver speaks for the homeserver of a room in which dora is; for real traffic she may come in when she likes.
    if (mode === "push") await until("dora joins", async () => (await peer.members(room)).includes(doraId));
    return room;
  };

  const collect = async (users: readonly string[]) => {
    const lists = await Promise.all(
      users.map(async (user) => {
        const heard = (await (await peers.get(user))?.heard()) ?? [];
        return heard.map(({ id, body }) => entryOf(body, id, user));
      }),
    );
    return lists.flat().filter((entry) => entry !== undefined);
  };

  return {
    component,
    secrets,
    farEnd: { collect, inOrder: collect, bounced: () => Promise.resolve([]) },
    async signIn(alice) {
      await alice.ask("login", /Matrix user name/);
      await alice.ask(aliceUser, /Password/);
      await alice.ask(secrets.matrix, /Signed in as @al:matrix\.test/);
      await until("alice is online", async () =>
        (await alice.ask("accounts", new RegExp(`^${aliceId}: `))).includes("online"),
      );
    },
    enrol: async (dora) => void (await dora.ask("join", /Your address is @_xmpp_dora=40localhost:matrix\.test/)),
    peerOf: (run, lane) => `@${run}-${lane}:${serverName}`,
    // XEP-0106: the colon of a user id is \3a.
    jidOf: ({ run, mode, peer }) =>
      mode === "room" ? jidOfRoom(run) : `${peer.slice(1).replace(":", "\\3a")}@${component}`,
    async meet(conversation) {
      const peer = await peerOf(conversation.peer);
      const room = await roomFor(conversation, peer);
      if (room !== undefined) rooms.set(conversation.peer, room);
    },
    async say({ mode, peer: userId }, marker, text) {
      const room = rooms.get(userId) ?? "";
      if (mode === "push") return push(gateway, { room, sender: userId }, marker, text);
      const event = await (await peerOf(userId)).say(room, marker.text, text);
      return { outcome: "ok", detail: `event ${event}` };
    },
    keepsOrder: (mode) => mode !== "push",
    places: () => Promise.resolve(new Map()),
    // The gateway asks for what was put off itself, as soon as it is there (Application Service API, "Pinging").
    hurry: () => Promise.resolve(),
  };
}

/** Application Service API, "Pushing events": what the homeserver would do. */
async function push(
  gateway: string,
  { room, sender }: { readonly room: string; readonly sender: string },
  marker: Marker,
  text: string,
): Promise<Answer> {
  const event = {
    type: "m.room.message",
    room_id: room,
    sender,
    event_id: `$${marker.text}`,
    origin_server_ts: Date.now(),
    content: { msgtype: "m.text", body: text, "m.mentions": {} },
  };
  const response = await fetch(`${gateway}/_matrix/app/v1/transactions/${marker.text}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${secrets.hsToken}`, "content-type": "application/json" },
    body: JSON.stringify({ events: [event] }),
    signal: AbortSignal.timeout(10_000),
  }).catch(() => undefined);
  if (response === undefined) return undefined;
  const detail = `${response.status} ${await response.text()}`;
  // Anything but a 200 asks for the same again.
  return response.ok ? { outcome: "ok", detail } : undefined;
}

/** XEP-0045 section 7.2: entered when one's own presence comes back, with status 110. */
async function enterRoom(person: Person, room: string): Promise<void> {
  const me = `${room}/${person.bareJid.split("@")[0]}`;
  const inside = Promise.withResolvers<void>();
  const stop = person.onStanza((stanza) => {
    if (stanza.name !== "presence" || !String(stanza.attrs["from"]).startsWith(`${room}/`)) return;
    if (stanza.attrs["type"] === "error") inside.reject(new Error(`${room} was not entered: ${stanza.toString()}`));
    const about = stanza.getChild("x", "http://jabber.org/protocol/muc#user");
    if (about?.getChildren("status").some((status) => status.attrs["code"] === "110")) inside.resolve();
  });
  const history = '<history maxstanzas="0"/>';
  person.send(`<presence to="${me}"><x xmlns="http://jabber.org/protocol/muc">${history}</x></presence>`);
  const late = sleep(20_000, undefined, { ref: false }).then(() => Promise.reject(new Error(`no way into ${room}`)));
  await Promise.race([inside.promise, late]).finally(stop);
}

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await done()); await sleep(50))
    if (Date.now() > deadline) throw new Error(`${what}: not within 20 s`);
}
