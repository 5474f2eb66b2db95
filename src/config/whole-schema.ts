// One JSON Schema for the whole file: the gateway's options and those of every bridge.
import type { OptionsSchema } from "#bridge";
import { z } from "zod";
import { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";
import { bridgeSchema, coreSchema } from "./schema.ts";

/** What the configuration needs to know of a bridge. */
interface Configurable {
  readonly options: OptionsSchema<unknown>;
}

export type Bridges = Readonly<Record<string, Configurable>>;

/** What the configuration file may hold when these bridges are installed. Secrets are plain text here. */
export function wholeSchema(bridges: Bridges): JsonSchema {
  const { $schema: _, ...core } = z.toJSONSchema(coreSchema, { io: "input" }) as JsonSchema;
  const definitions: Record<string, JsonSchema> = {};
  const described = Object.entries(bridges).map(
    ([name, bridge]) => [name, schemaOfBridge(name, bridge, definitions)] as const,
  );
  return {
    ...core,
    properties: {
      ...core.properties,
      bridges: {
        type: "object",
        description: "One entry for each network, under the bridge's name",
        properties: Object.fromEntries(described),
        additionalProperties: false,
      },
    },
    required: [...(core.required ?? []), "bridges"],
    ...(Object.keys(definitions).length > 0 ? { $defs: definitions } : {}),
  };
}

function schemaOfBridge(name: string, bridge: Configurable, definitions: Record<string, JsonSchema>): JsonSchema {
  const base = z.toJSONSchema(bridgeSchema, { io: "input" }) as JsonSchema;
  const own = jsonSchemaOf(bridge.options);
  const taken = Object.keys(own?.properties ?? {}).find((key) => Object.hasOwn(base.properties ?? {}, key));
  if (taken !== undefined)
    throw new Error(`bridge "${name}" has an option "${taken}": that name belongs to the gateway`);
  Object.assign(definitions, own?.["$defs"]);
  return {
    type: "object",
    properties: { ...base.properties, ...own?.properties },
    required: [...(base.required ?? []), ...(own?.required ?? [])],
    additionalProperties: own === undefined ? true : (own.additionalProperties ?? false),
  };
}

/** The schema for editors (config/viaduct.schema.json): closed mappings, and secrets may be references. */
export function publishedSchema(bridges: Bridges): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Viaduct configuration",
    ...publish(wholeSchema(bridges)),
  };
}

const reference = (key: string): JsonSchema => ({
  type: "object",
  properties: { [key]: { type: "string", minLength: 1 } },
  required: [key],
  additionalProperties: false,
});

function publish(schema: JsonSchema): JsonSchema {
  if (schema.writeOnly === true) {
    const { examples: _, description = "A secret", ...text } = schema;
    return { description, anyOf: [text, reference("file"), reference("env")] };
  }
  const { properties, items, additionalProperties, anyOf, oneOf, allOf } = schema;
  const each = (list: readonly JsonSchema[] | undefined, key: string) =>
    list === undefined ? {} : { [key]: list.map(publish) };
  return {
    ...schema,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, publish(value)])),
          // zod leaves this out for z.object, the loader refuses unknown keys there all the same.
          ...(allOf === undefined ? { additionalProperties: false } : {}),
        }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === "object" ? publish(additionalProperties) : additionalProperties,
        }),
    ...(items === undefined ? {} : { items: publish(items) }),
    ...each(anyOf, "anyOf"),
    ...each(oneOf, "oneOf"),
    ...each(allOf, "allOf"),
  };
}
