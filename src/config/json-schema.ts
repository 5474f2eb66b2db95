// The part of JSON Schema that zod writes for us and that the configuration reads back: known names, descriptions,
// examples. Vendor-neutral, so that a bridge may describe its options with any Standard Schema library.
import type { OptionsSchema } from "#bridge";

export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
  /** A secret: may also be given as `{ file: … }` or `{ env: … }`, and is never shown. */
  readonly writeOnly?: boolean;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

// Standard JSON Schema (https://standardschema.dev/json-schema): optional, zod 4.2 and later have it.
interface WithJsonSchema {
  readonly jsonSchema: { readonly input: (options: { target: "draft-2020-12" }) => JsonSchema };
}

/** What a schema accepts, or undefined when its library cannot say. */
export function jsonSchemaOf(schema: OptionsSchema<unknown>): JsonSchema | undefined {
  const standard = schema["~standard"];
  if (!("jsonSchema" in standard)) return undefined;
  const { $schema: _, ...rest } = (standard as typeof standard & WithJsonSchema).jsonSchema.input({
    target: "draft-2020-12",
  });
  return rest;
}

/** The alternatives of a schema, itself if it has none. */
export function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const branches = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  return branches === undefined ? [schema] : branches.flatMap(alternatives);
}

/** The names that a mapping may have. */
export function childNames(schema: JsonSchema): string[] {
  return [...new Set(alternatives(schema).flatMap((branch) => Object.keys(branch.properties ?? {})))];
}

/** What `name` in a mapping (or an index in a list) has to look like; undefined when there is no such place. */
export function childSchema(schema: JsonSchema, name: string | number): JsonSchema | undefined {
  const found = alternatives(schema).flatMap((branch) => {
    const child = typeof name === "number" ? branch.items : ownProperty(branch, name);
    return child === undefined ? [] : [child];
  });
  return found.length > 1 ? { anyOf: found } : found[0];
}

function ownProperty(schema: JsonSchema, name: string): JsonSchema | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, name)) return schema.properties[name];
  const additional = schema.additionalProperties;
  if (additional === true || Object.keys(schema).length === 0) return {};
  return typeof additional === "object" ? additional : undefined;
}

/** Follows a path down from the root. */
export function schemaAt(root: JsonSchema, path: readonly (string | number)[]): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>(
    (schema, step) => (schema === undefined ? undefined : childSchema(schema, step)),
    root,
  );
}

export function isText(schema: JsonSchema): boolean {
  return alternatives(schema).some((branch) => branch.type === "string");
}

export function isMapping(schema: JsonSchema): boolean {
  return alternatives(schema).every((branch) => branch.type === "object");
}

/** What the schema wants, in words. A schema's `title` is the noun phrase it prefers. */
export function expectation(schema: JsonSchema): string {
  return [...new Set(alternatives(schema).map((branch) => schema.title ?? branch.title ?? byType(branch)))].join(
    ", or ",
  );
}

function byType(schema: JsonSchema): string {
  if (schema.enum !== undefined) return `one of ${schema.enum.join(", ")}`;
  if (schema.const !== undefined) return String(schema.const);
  switch (schema.type) {
    case "integer":
    case "number":
      return `a ${schema.type === "integer" ? "whole number" : "number"}${range(schema)}`;
    case "boolean":
      return "true or false";
    case "string":
      return "text";
    case "array":
      return schema.items === undefined ? "a list" : `a list, each item ${expectation(schema.items)}`;
    case "object":
      return "a mapping (indented `name: value` lines)";
    default:
      return "another value";
  }
}

function range({ minimum, maximum }: JsonSchema): string {
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  if (low !== undefined) return `, ${low} or more`;
  return high === undefined ? "" : `, at most ${high}`;
}
