// Power levels as ranks (client-server specification, m.room.power_levels; room version 12, MSC4289: creators).
import type { Rank, RemoteId } from "#bridge";
import { isUserId } from "../ids.ts";
import { at, field, list, text } from "./shape.ts";

/** Most that MSC4289 lets stand in one event of 64 KB. */
const mostCreators = 1000;

/** Who may do everything for ever, in room versions from 12 on; in others nobody. `create` is the whole event. */
export function creatorsOf(create: unknown): readonly RemoteId[] {
  const version = text(at(create, "content", "room_version")) ?? "1";
  const hasCreators = /^[1-9][0-9]{1,3}$/.test(version) ? Number(version) >= 12 : version === "org.matrix.hydra.11";
  if (!hasCreators) return [];
  const more = list(at(create, "content", "additional_creators"), mostCreators);
  return [field(create, "sender"), ...more].filter((id) => isUserId(id));
}

/** `powerLevels` is the content of m.room.power_levels, undefined when the room has none. Infinity for creators. */
export function powerLevelOf(powerLevels: unknown, create: unknown, user: RemoteId): number {
  if (creatorsOf(create).includes(user)) return Infinity;
  // Without the event whoever made the room has 100, everybody else 0.
  if (powerLevels === undefined) return field(create, "sender") === user ? 100 : 0;
  return level(at(powerLevels, "users", user)) ?? level(field(powerLevels, "users_default")) ?? 0;
}

/**
 * Owner from 100 on, admin who may kick, ban, redact and set the room's state, visitor who may not speak. `powerLevels`
 * is the content of m.room.power_levels, `create` the whole m.room.create event; both may be anything.
 */
export function rankOf(powerLevels: unknown, create: unknown, user: RemoteId): Rank {
  const mine = powerLevelOf(powerLevels, create, user);
  const needed = (name: string): number => level(field(powerLevels, name)) ?? 50;
  if (mine >= 100) return "owner";
  if (mine >= Math.max(needed("kick"), needed("ban"), needed("redact"), needed("state_default"))) return "admin";
  const toSpeak =
    level(at(powerLevels, "events", "m.room.message")) ?? level(field(powerLevels, "events_default")) ?? 0;
  return mine < toSpeak ? "visitor" : "member";
}

/** Rooms before version 10 may have them as text. */
function level(value: unknown): number | undefined {
  if (typeof value === "string" && /^\s*[+-]?\d{1,15}\s*$/.test(value)) return Number(value);
  return Number.isSafeInteger(value) ? Number(value) : undefined;
}
