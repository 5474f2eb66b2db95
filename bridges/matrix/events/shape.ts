// Reading JSON that strangers wrote (security.md M03). Own properties only, so that `__proto__` and `constructor` are
// names like any other; a wrong type is as good as an absent value. Nothing here recurses.

/** A property of an object; undefined for everything else. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)
    ? (value as { readonly [name: string]: unknown })[name]
    : undefined;
}

/** A property of a property of an object, and so on. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce(field, value);
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
