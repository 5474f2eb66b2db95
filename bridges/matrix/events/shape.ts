// The parts of an event, with their bounds (security.md M03). A wrong type is as good as an absent value, and nothing here
// recurses.
import { field, isObject } from "../json.ts";

export { field, isObject } from "../json.ts";

/** A property of a property of an object, and so on. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce(field, value);
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The first of the values that is a string. */
export function firstText(...values: readonly unknown[]): string | undefined {
  return values.find((value) => typeof value === "string");
}

/** A whole number from 0 up that JSON and SQLite keep exactly. */
export function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

/** At most `limit` entries; an empty list for what is none. */
export function list(value: unknown, limit: number): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, limit) : [];
}

export function entries(value: unknown, limit: number): readonly (readonly [string, unknown])[] {
  return isObject(value) ? Object.entries(value).slice(0, limit) : [];
}
