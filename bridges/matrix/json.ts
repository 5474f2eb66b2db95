// Reading JSON that others wrote (security.md M03). Nothing here throws on a wrong shape, and only own properties are ever
// seen: `__proto__` and `constructor` are names like any other.

/** A JSON object as it came from outside: every value is still to be looked at. */
export type JsonObject = Readonly<Record<string, unknown>>;

const empty: JsonObject = Object.freeze(Object.create(null) as JsonObject);

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value under a key, never one that a prototype has. */
export function field(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** The object under a key, or an empty one. */
export function objectAt(value: unknown, key: string): JsonObject {
  const found = field(value, key);
  return isObject(found) ? found : empty;
}

export function listAt(value: unknown, key: string): readonly unknown[] {
  const found = field(value, key);
  return Array.isArray(found) ? found : [];
}

export function textAt(value: unknown, key: string): string | undefined {
  const found = field(value, key);
  return typeof found === "string" ? found : undefined;
}

/** A finite number. */
export function numberAt(value: unknown, key: string): number | undefined {
  const found = field(value, key);
  return typeof found === "number" && Number.isFinite(found) ? found : undefined;
}

/** An object's own entries, as a Map: keys from outside never become property names of ours. */
export function entriesOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(isObject(value) ? Object.entries(value) : []);
}

/** Bytes of a record as JSON; undefined when they are none. */
export function parseBytes(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}

export function toBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
