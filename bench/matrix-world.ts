// Who lives on the homeserver of the Matrix benchmark: people, their chats and rooms, and their accounts on the gateway.
import type { MatrixCredentials } from "../bridges/matrix/credentials.ts";
import type { Synapse } from "../test/lab/synapse.ts";
import { withStore } from "./accounts.ts";
import { type BareClient, bareClient } from "./bare-matrix.ts";

/** Registers and logs in `count` people: PREFIX0, PREFIX1, ... */
export async function settle(synapse: Synapse, prefix: string, count: number): Promise<BareClient[]> {
  const clients: BareClient[] = [];
  for (let at = 0; at < count; at++) {
    await synapse.addUser(`${prefix}${at}`, "secret");
    clients.push(await bareClient(synapse.baseUrl, `${prefix}${at}`, "secret"));
  }
  return clients;
}

/** A chat of two with each of `people`, as a client makes them. Resolves with the rooms in that order. */
export async function directChats(me: BareClient, people: readonly BareClient[]): Promise<string[]> {
  const rooms: string[] = [];
  for (const person of people) {
    const room = await createRoom(me, { preset: "trusted_private_chat", is_direct: true, invite: [person.userId] });
    await join(person, room);
    rooms.push(room);
  }
  const direct = Object.fromEntries(people.map(({ userId }, at) => [userId, [rooms[at]]]));
  await me.request("PUT", `/user/${encodeURIComponent(me.userId)}/account_data/m.direct`, direct);
  return rooms;
}

/** Everybody is in the two rooms of all and in six of twenty people: eight each. Resolves with the rooms of all. */
export async function eightRoomsEach(people: readonly BareClient[]): Promise<string[]> {
  const all = [await roomOf(people, "all"), await roomOf(people, "all too")];
  for (let first = 0; first < people.length; first += 20)
    for (let at = 0; at < 6; at++) await roomOf(people.slice(first, first + 20), `group ${first} room ${at}`);
  return all;
}

async function roomOf(people: readonly BareClient[], name: string): Promise<string> {
  const [owner, ...others] = people;
  if (owner === undefined) throw new Error("a room needs somebody");
  const room = await createRoom(owner, { preset: "public_chat", name, topic: `About ${name}` });
  for (const other of others) await join(other, room);
  for (const speaker of people.slice(0, 5)) await speaker.say(room, `a few words in ${name}`);
  return room;
}

/** Rooms of `me`, with something said in each. */
export async function manyRooms(me: BareClient, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const name = `room ${at}`;
    const room = await createRoom(me, { preset: "public_chat", name, topic: `About ${name}` });
    await me.say(room, `a few words in ${name}`);
  }
}

async function createRoom(owner: BareClient, options: object): Promise<string> {
  const { room_id } = (await owner.request("POST", "/createRoom", options)) as { room_id: string };
  return room_id;
}

async function join(person: BareClient, room: string): Promise<void> {
  await person.request("POST", `/rooms/${encodeURIComponent(room)}/join`, {});
}

/** From now on what is said there is encrypted. */
export async function encrypt(owner: BareClient, room: string): Promise<void> {
  const path = `/rooms/${encodeURIComponent(room)}/state/m.room.encryption`;
  await owner.request("PUT", path, { algorithm: "m.megolm.v1.aes-sha2" });
}

/**
 * Writes the accounts into the database of a gateway, as the sign-in would have. Those of `kind` token have no keys, those
 * of a password get some when they are in an encrypted room.
 */
export async function seedMatrix(
  dir: string,
  baseUrl: string,
  accounts: readonly { readonly user: string; readonly client: BareClient }[],
  kind: "token" | "password" = "token",
): Promise<void> {
  await withStore(dir, async (store) => {
    for (const { user, client } of accounts) {
      const { userId, deviceId, token: accessToken } = client;
      const credentials: MatrixCredentials = { kind, baseUrl, userId, deviceId, accessToken };
      await store.accounts.save({ user, bridge: "matrix", mode: "account", self: userId }, credentials);
    }
  });
}
