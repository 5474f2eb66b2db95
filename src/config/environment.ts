// The only place that reads the process's environment. Every option has a variable:
//   xmpp.server                 VIADUCT_XMPP__SERVER
//   bridges.email.domain.name   VIADUCT_BRIDGES__EMAIL__DOMAIN__NAME
//   limits.messagesPerMinute    VIADUCT_LIMITS__MESSAGESPERMINUTE  (letter case does not matter)
//   permissions.allow           VIADUCT_PERMISSIONS__ALLOW='[example.org, ann@example.net]'
// Two underscores go one level down. Text options take the value as it is, all others are read as YAML.
import { parseDocument } from "yaml";
import type { Problem } from "../config-problems.ts";
import { type JsonSchema, childNames, childSchema, isText } from "./json-schema.ts";
import { nearest } from "./nearest.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process, for `loadConfig`. */
export function processEnvironment(): Environment {
  return { ...process.env };
}

export interface Override {
  readonly variable: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

const prefix = "VIADUCT_";
// The variable that everybody tries first; the same as VIADUCT_LOG__LEVEL.
const shortNames: Readonly<Record<string, string>> = { VIADUCT_LOG_LEVEL: "VIADUCT_LOG__LEVEL" };

/**
 * The overrides an environment asks for. Variables without two underscores are not ours: an orchestrator that runs a
 * service called "viaduct" sets VIADUCT_PORT and the like by itself.
 */
export function readOverrides(
  environment: Environment,
  schema: JsonSchema,
): { overrides: Override[]; problems: Problem[] } {
  const overrides: Override[] = [];
  const problems: Problem[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    const name = shortNames[variable] ?? variable;
    if (text === undefined || !name.startsWith(prefix) || !name.includes("__")) continue;
    const found = findOption(name.slice(prefix.length).split("__"), schema);
    if ("path" in found) {
      const value = readValue(text, found.schema);
      if (value.ok) overrides.push({ variable, path: found.path, value: value.value });
      else problems.push(problemAt(variable, found.path, "the value is not readable as YAML."));
    } else {
      problems.push({
        ...problemAt(variable, [], "this variable names no option."),
        ...(found.near === undefined
          ? {}
          : { suggestion: `${prefix}${found.near.map((word) => word.toUpperCase()).join("__")}` }),
      });
    }
  }
  return { overrides, problems };
}

type Found = { path: string[]; schema: JsonSchema | undefined } | { near: string[] | undefined };

function findOption(words: readonly string[], root: JsonSchema): Found {
  const path: string[] = [];
  let schema: JsonSchema | undefined = root;
  for (const [index, word] of words.entries()) {
    if (word === "") return { near: undefined };
    // A secret's two references have variables of their own: ..._SECRET__FILE and ..._SECRET__ENV.
    if (schema?.writeOnly === true && index === words.length - 1 && ["file", "env"].includes(word.toLowerCase())) {
      return { path: [...path, word.toLowerCase()], schema };
    }
    const names: string[] = schema === undefined ? [] : childNames(schema);
    const name: string | undefined = names.find((candidate) => candidate.toLowerCase() === word.toLowerCase());
    const child: JsonSchema | undefined =
      schema === undefined ? undefined : childSchema(schema, name ?? word.toLowerCase());
    if (name === undefined && child === undefined && schema !== undefined) {
      const near = nearest(word, names);
      return { near: near === undefined ? undefined : [...path, near, ...words.slice(index + 1)] };
    }
    path.push(name ?? word.toLowerCase());
    // An open schema says nothing about what is below it: take the words as they come.
    schema = child === undefined || isOpen(child) ? undefined : child;
  }
  return { path, schema };
}

function isOpen(schema: JsonSchema): boolean {
  return Object.keys(schema).length === 0;
}

function readValue(text: string, schema: JsonSchema | undefined): { ok: true; value: unknown } | { ok: false } {
  if (schema !== undefined && isText(schema)) return { ok: true, value: text };
  const document = parseDocument(text);
  return document.errors.length > 0 ? { ok: false } : { ok: true, value: document.toJS() as unknown };
}

function problemAt(variable: string, path: readonly string[], message: string): Problem {
  return {
    severity: "error",
    source: `environment variable ${variable}`,
    line: 0,
    column: 0,
    path: path.join("."),
    message,
  };
}
