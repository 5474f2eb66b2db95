// Rooms, direct chats and who is in them.
import { EventType, type ICreateRoomOpts, type MatrixClient, Preset, Visibility } from "matrix-js-sdk";
import type { Arrivals } from "./arrivals.ts";
import type { SeenEvent } from "./matrix-person.ts";

export interface RoomOptions {
  readonly name?: string;
  readonly topic?: string;
  /** In the directory, and open to everybody. Default: by invitation. */
  readonly public?: boolean;
  /** The local part of an alias: "tea" makes #tea:SERVER. */
  readonly alias?: string;
  readonly encrypted?: boolean;
  /** User ids. */
  readonly invite?: readonly string[];
}

export interface Rooms {
  /** A direct chat with one user, also in the account's list of them (`m.direct`). Resolves with the room's id. */
  createDm(userId: string, options?: { readonly encrypted?: boolean }): Promise<string>;
  /** Resolves with the room's id, when the client knows the room. */
  createRoom(options?: RoomOptions): Promise<string>;
  /** The room of the oldest open invitation not yet asked for, waiting for one if need be. */
  nextInvite(): Promise<string>;
  /** Joins by id or alias, accepting an invitation if there is one. Resolves with the room's id. */
  join(roomIdOrAlias: string): Promise<string>;
  invite(roomId: string, userId: string): Promise<void>;
  /** Also declines an invitation. */
  leave(roomId: string): Promise<void>;
  kick(roomId: string, userId: string, reason?: string): Promise<void>;
  /** User ids of those who are in it, in order of the alphabet; empty while the room is unknown. */
  members(roomId: string): string[];
}

export function roomsOf(client: MatrixClient, arrivals: Pick<Arrivals<SeenEvent>, "next" | "until">): Rooms {
  /** Only what the sync has brought is known: who is in the room, and whether it is encrypted; until then it is not. */
  const known = async (roomId: string, encrypted = false): Promise<string> => {
    const here = (): boolean => {
      const room = client.getRoom(roomId);
      return room?.getMyMembership() === "join" && (!encrypted || room.hasEncryptionStateEvent());
    };
    await arrivals.until(here, { what: `room ${roomId}`, timeoutMs: 10_000 });
    return roomId;
  };
  const create = async (options: ICreateRoomOpts, encrypted = false): Promise<string> => {
    const made = await client.createRoom({ ...options, initial_state: encrypted ? [encryption] : [] });
    return known(made.room_id, encrypted);
  };
  // A room's past holds invitations too, long accepted.
  const isInvite = ({ type, state_key, content, room_id }: SeenEvent): boolean =>
    type === "m.room.member" &&
    state_key === client.getUserId() &&
    content["membership"] === "invite" &&
    client.getRoom(room_id)?.getMyMembership() === "invite";
  return {
    createDm: async (userId, { encrypted } = {}) => {
      const roomId = await create({ preset: Preset.TrustedPrivateChat, is_direct: true, invite: [userId] }, encrypted);
      const direct = client.getAccountData(EventType.Direct)?.getContent<Record<string, string[]>>() ?? {};
      await client.setAccountData(EventType.Direct, { ...direct, [userId]: [...(direct[userId] ?? []), roomId] });
      return roomId;
    },
    createRoom: ({ name, topic, alias, invite = [], encrypted, public: open = false } = {}) =>
      create(
        {
          preset: open ? Preset.PublicChat : Preset.PrivateChat,
          visibility: open ? Visibility.Public : Visibility.Private,
          invite: [...invite],
          ...(name === undefined ? {} : { name }),
          ...(topic === undefined ? {} : { topic }),
          ...(alias === undefined ? {} : { room_alias_name: alias }),
        },
        encrypted,
      ),
    nextInvite: async () => {
      const { room_id = "" } = await arrivals.next(isInvite, { what: "an invitation" });
      return room_id;
    },
    join: async (roomIdOrAlias) => known((await client.joinRoom(roomIdOrAlias)).roomId),
    invite: async (roomId, userId) => void (await client.invite(roomId, userId)),
    leave: async (roomId) => void (await client.leave(roomId)),
    kick: async (roomId, userId, reason) => void (await client.kick(roomId, userId, reason)),
    members: (roomId) => (client.getRoom(roomId)?.getJoinedMembers() ?? []).map((member) => member.userId).toSorted(),
  };
}

const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
