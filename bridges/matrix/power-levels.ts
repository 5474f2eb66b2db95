// Who may do what in a room (Client-Server API, "m.room.power_levels"), and the rank that XMPP shows for it.
import type { Rank } from "#bridge";
import { entriesOf, field, type JsonObject } from "./json.ts";

/** The part of m.room.power_levels that is needed, as numbers. */
export interface PowerLevels {
  readonly users: ReadonlyMap<string, number>;
  readonly usersDefault: number;
  readonly eventsDefault: number;
  readonly stateDefault: number;
  readonly message: number | undefined;
  readonly topic: number | undefined;
  readonly invite: number;
  readonly kick: number;
  readonly ban: number;
  readonly redact: number;
}

/** More people with a level of their own a room does not need; who comes after them counts as everybody. */
const mostUsers = 500;

/** What holds in a room without the event. */
export const noPowerLevels: PowerLevels = parsePowerLevels({}, 0);

export function parsePowerLevels(content: JsonObject, stateDefault = 50): PowerLevels {
  const users = new Map<string, number>();
  for (const [user, level] of entriesOf(field(content, "users"))) {
    if (users.size >= mostUsers) break;
    users.set(user, levelOf(level, 0));
  }
  const events = field(content, "events");
  const eventLevel = (type: string): number | undefined => {
    const level = field(events, type);
    return level === undefined ? undefined : levelOf(level, stateDefault);
  };
  const own = (key: string, preset: number): number => levelOf(field(content, key), preset);
  return {
    users,
    usersDefault: own("users_default", 0),
    eventsDefault: own("events_default", 0),
    stateDefault: own("state_default", stateDefault),
    message: eventLevel("m.room.message"),
    topic: eventLevel("m.room.topic"),
    invite: own("invite", 0),
    kick: own("kick", 50),
    ban: own("ban", 50),
    redact: own("redact", 50),
  };
}

/** Old room versions have levels as strings. */
function levelOf(value: unknown, preset: number): number {
  const number = typeof value === "string" && /^\s*[+-]?\d{1,15}\s*$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : preset;
}

export interface PowerView {
  readonly power: PowerLevels | undefined;
  /** Above everybody: the creators of a room of version 12 or later, or of one without power levels. */
  readonly creators: readonly string[];
  /** Whether creators keep their power beside the power levels (room version 12). */
  readonly strongCreators: boolean;
}

export function levelOfUser(room: PowerView, user: string): number {
  const creator = room.creators.includes(user);
  if (creator && (room.strongCreators || room.power === undefined)) return Number.POSITIVE_INFINITY;
  const power = room.power ?? noPowerLevels;
  return power.users.get(user) ?? power.usersDefault;
}

/** Matrix clients call 100 an admin and 50 a moderator; XMPP says owner and admin. */
export function rankOf(room: PowerView, user: string): Rank {
  const level = levelOfUser(room, user);
  const power = room.power ?? noPowerLevels;
  if (level >= 100) return "owner";
  if (level >= Math.max(power.kick, power.ban, power.redact, power.stateDefault) && level > power.usersDefault)
    return "admin";
  return level >= (power.message ?? power.eventsDefault) ? "member" : "visitor";
}

/** The level that a rank asks for. A visitor is below what a message needs, a member at the room's usual level. */
export function levelForRank(rank: Exclude<Rank, "outcast">, power: PowerLevels): number {
  if (rank === "owner") return 100;
  if (rank === "admin") return 50;
  const speak = power.message ?? power.eventsDefault;
  return rank === "member" ? Math.max(power.usersDefault, speak) : Math.min(power.usersDefault, speak - 1);
}

/** For a record. */
export function powerToJson(power: PowerLevels): unknown {
  return { ...power, users: [...power.users] };
}

/** @returns undefined for what `powerToJson` did not make. */
export function powerFromJson(value: unknown): PowerLevels | undefined {
  if (typeof value !== "object" || value === null || !Array.isArray(field(value, "users"))) return undefined;
  const { users, ...rest } = value as Omit<PowerLevels, "users"> & { users: [string, number][] };
  return { ...rest, users: new Map(users) };
}
