// An example line for an option, from the examples in its schema.
import { stringify } from "yaml";
import type { Path } from "../config-problems.ts";
import { type JsonSchema, alternatives, schemaAt } from "./json-schema.ts";

/** `server: 127.0.0.1:5347`, or undefined when the schema gives no example. */
export function exampleLine(root: JsonSchema, path: Path): string | undefined {
  const name = path.findLast((step) => typeof step === "string");
  const schema = schemaAt(root, path);
  const value = schema === undefined ? undefined : exampleValue(schema);
  if (value === undefined) return undefined;
  if (typeof path.at(-1) === "number") return `- ${value}`;
  return name === undefined ? value : `${name}: ${value}`;
}

function exampleValue(schema: JsonSchema): string | undefined {
  for (const branch of [schema, ...alternatives(schema)]) {
    const [given] = branch.examples ?? [];
    // Secrets give their reference as text that is YAML already.
    if (given !== undefined) return branch.writeOnly === true ? String(given) : inline(given);
    if (branch.enum?.[0] !== undefined) return inline(branch.enum[0]);
    if (branch.default !== undefined) return inline(branch.default);
    if (branch.type === "object") return exampleMapping(branch);
    if (branch.type === "array" && branch.items !== undefined) return wrapped("[", exampleValue(branch.items), "]");
    if (branch.type === "integer" || branch.type === "number") return inline(Math.max(branch.minimum ?? 1, 1));
    if (branch.type === "boolean") return "true";
  }
  return undefined;
}

function exampleMapping(schema: JsonSchema): string | undefined {
  const parts = (schema.required ?? []).map((name) => {
    const child = schema.properties?.[name];
    const value = child === undefined ? undefined : exampleValue(child);
    return value === undefined ? undefined : `${name}: ${value}`;
  });
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 || known.length < parts.length ? undefined : `{ ${known.join(", ")} }`;
}

function wrapped(open: string, inner: string | undefined, close: string): string | undefined {
  return inner === undefined ? undefined : `${open}${inner}${close}`;
}

function inline(value: unknown): string {
  return stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trimEnd();
}
