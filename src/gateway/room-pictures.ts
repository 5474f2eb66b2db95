// Pictures of rooms and of those in them: read when somebody is there to see them, and only of a few.
import type { AvatarId, Picture, RemoteId } from "#bridge";
import type { Avatars } from "./avatars.ts";
import type { IncomingBody } from "./lane-ports.ts";
import type { AccountRecord } from "./ports.ts";
import type { FoundRoom } from "./room-directory.ts";
import type { RoomEvent, RoomView } from "./room-events.ts";
import { type RoomContext, tell, toPerson } from "./room-people.ts";
import type { RoomReads, RoomRecord, RoomStore } from "./room-ports.ts";

/** Of those whom a client meets, the most active: pictures of a crowd are read when one of it speaks, or is asked for. */
const mostMet = 30;

export interface RoomPicturesOptions {
  readonly store: RoomStore;
  readonly avatars: Avatars;
  readonly contextOf: (account: AccountRecord) => RoomContext;
}

/** Rows with which the picture of the room itself is told. */
const namesRoom: ReadonlySet<RoomEvent["do"]> = new Set(["entered", "configured", "pictured"]);

/** Somebody in a row whose picture may be shown. */
interface Shown {
  readonly id: RemoteId;
  readonly avatar: AvatarId;
}

export class RoomPictures {
  readonly #o: RoomPicturesOptions;

  constructor(options: RoomPicturesOptions) {
    this.#o = options;
  }

  /** The pictures that a row can name. Those that are not here yet are read, and shown with presence of their own. */
  inRow(
    rooms: RoomReads,
    account: AccountRecord,
    room: RoomRecord,
    body: IncomingBody,
  ): Pick<RoomView, "picture" | "pictures"> {
    const pictures = new Map<AvatarId, string>();
    if (body.kind !== "room") return { pictures };
    const missing: Shown[] = [];
    for (const one of peopleIn(rooms, account, room, body.event)) {
      const hash = rooms.pictureHash(account.id, one.avatar);
      if (typeof hash === "string") pictures.set(one.avatar, hash);
      else if (hash === undefined) missing.push(one);
    }
    for (const one of missing.slice(0, mostMet)) this.#wantPerson(account, room.id, one);
    const picture = this.#ofRoom(rooms, account, room, body.event);
    return { pictures, ...(picture === undefined ? {} : { picture }) };
  }

  /** The room's own, for its card. */
  async ofRoom({ account, room }: FoundRoom): Promise<Picture | undefined> {
    return room.avatar ? this.#o.avatars.pictureSoon(account.id, room.avatar) : undefined;
  }

  /** "": it has none any more. Undefined: none is here. */
  async hashOf({ account, room: { avatar } }: FoundRoom): Promise<string | undefined> {
    if (typeof avatar !== "string") return avatar === null ? "" : undefined;
    return (await this.#o.store.read((rooms) => rooms.pictureHash(account.id, avatar))) ?? undefined;
  }

  /** Of somebody in a room, by their nick. */
  async ofPerson({ account, room }: FoundRoom, nick: string): Promise<Picture | undefined> {
    const person = await this.#o.store.read((rooms) => rooms.byNick(account.id, room.id, nick));
    return person?.avatar ? this.#o.avatars.pictureSoon(account.id, person.avatar) : undefined;
  }

  #ofRoom(rooms: RoomReads, account: AccountRecord, room: RoomRecord, event: RoomEvent): string | undefined {
    const { avatar } = room;
    if (avatar === undefined || !namesRoom.has(event.do)) return undefined;
    const hash = avatar === null ? "" : rooms.pictureHash(account.id, avatar);
    if (avatar !== null && hash === undefined) this.#wantRoom(account, room.id, avatar);
    return hash ?? undefined;
  }

  #wantPerson(account: AccountRecord, room: RemoteId, { id, avatar }: Shown): void {
    const { avatars, store, contextOf } = this.#o;
    avatars.want(account.id, avatar, `${room} ${id}`, async () => {
      const context = contextOf(account);
      await store.change(account.id, (tables) => {
        const person = tables.participant(account.id, room, id);
        if (person?.listed && person.avatar === avatar)
          tell(tables, context, room, { do: "here", person: toPerson(person, context) });
      });
    });
  }

  #wantRoom(account: AccountRecord, id: RemoteId, avatar: AvatarId): void {
    const { avatars, store, contextOf } = this.#o;
    avatars.want(account.id, avatar, id, async () => {
      const context = contextOf(account);
      await store.change(account.id, (tables) => {
        if (tables.room(account.id, id)?.avatar === avatar) tell(tables, context, id, { do: "pictured" });
      });
    });
  }
}

/** Those whom a row shows, the most active first. */
function peopleIn(rooms: RoomReads, account: AccountRecord, room: RoomRecord, event: RoomEvent): readonly Shown[] {
  switch (event.do) {
    case "here":
      return event.person.avatar ? [{ id: event.person.id, avatar: event.person.avatar }] : [];
    case "entered":
      return [event.person, ...event.people].flatMap(({ id, avatar }) => (avatar ? [{ id, avatar }] : []));
    case "said": {
      const avatar = rooms.participant(account.id, room.id, event.id)?.avatar;
      return avatar ? [{ id: event.id, avatar }] : [];
    }
    default:
      return [];
  }
}
