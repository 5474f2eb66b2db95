// Before validation: unknown keys become problems, secrets and paths become what they stand for.
import { resolve } from "node:path";
import { type Path, type Problem, pathText } from "../config-problems.ts";
import type { Environment } from "./environment.ts";
import { exampleLine } from "./example.ts";
import { type JsonSchema, alternatives, childNames, childSchema, isMapping } from "./json-schema.ts";
import { nearest } from "./nearest.ts";
import { readSecret } from "./secrets.ts";
import { type Place, type Source, type Tree, isTree } from "./source.ts";

export interface Prepared {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
  /** Paths that have their problem already: that they are missing is noise. */
  readonly spoiled: ReadonlySet<string>;
}

interface Work {
  readonly root: JsonSchema;
  readonly source: Source;
  readonly folder: string;
  readonly environment: Environment;
  readonly problems: Problem[];
  readonly spoiled: Set<string>;
}

const omitted = Symbol("omitted");

export async function prepare(
  source: Source,
  written: Tree,
  root: JsonSchema,
  folder: string,
  environment: Environment,
): Promise<Prepared> {
  const work: Work = { root, source, folder, environment, problems: [], spoiled: new Set() };
  const tree = await visit(work, written, root, []);
  return { tree: isTree(tree) ? tree : {}, problems: work.problems, spoiled: work.spoiled };
}

async function visit(work: Work, value: unknown, schema: JsonSchema, path: Path): Promise<unknown> {
  // `limits:` with everything below it commented out is an empty mapping to its writer, to YAML it is null.
  if (value === null && isMapping(schema)) return {};
  if (isSecret(schema) && isTree(value)) return await secretAt(work, value, path);
  if (typeof value === "string" && isPath(schema)) return resolve(work.folder, value);
  if (Array.isArray(value)) {
    const items = value.map((item, index) => visit(work, item, childSchema(schema, index) ?? {}, [...path, index]));
    return await Promise.all(items);
  }
  return isTree(value) && takesMapping(schema) ? await visitMapping(work, value, schema, path) : value;
}

async function visitMapping(work: Work, mapping: Tree, schema: JsonSchema, path: Path): Promise<Tree> {
  const kept: [string, unknown][] = [];
  for (const [name, value] of Object.entries(mapping)) {
    const child = childSchema(schema, name);
    if (child === undefined) {
      unknownName(work, name, schema, path);
      continue;
    }
    const visited = await visit(work, value, child, [...path, name]);
    if (visited !== omitted) kept.push([name, visited]);
  }
  return Object.fromEntries(kept);
}

async function secretAt(work: Work, reference: Tree, path: Path): Promise<unknown> {
  const read = await readSecret(reference, work.folder, work.environment);
  if (read.problem !== undefined) report(work, path, work.source.placeOf(path), read.problem);
  if (read.secret !== undefined) return read.secret;
  work.spoiled.add(pathText(path));
  return omitted;
}

function unknownName(work: Work, name: string, schema: JsonSchema, path: Path): void {
  const known = childNames(schema);
  const suggestion = nearest(name, known) ?? elsewhere(work.root, name);
  const isBridge = pathText(path) === "bridges";
  // The one that was meant will be missing: one complaint is enough.
  if (suggestion !== undefined)
    work.spoiled.add(pathText(suggestion.includes(".") ? [suggestion] : [...path, suggestion]));
  report(work, [...path, name], work.source.placeOfName([...path, name]), {
    message: isBridge ? "there is no bridge of this name." : "there is no such option.",
    expected: `one of ${known.join(", ")}`,
    ...(suggestion === undefined ? {} : { suggestion, ...exampleOf(work.root, path, suggestion) }),
  });
}

function exampleOf(root: JsonSchema, path: Path, suggestion: string): { example?: string } {
  const example = suggestion.includes(".") ? undefined : exampleLine(root, [...path, suggestion]);
  return example === undefined ? {} : { example };
}

/** An option in the wrong place: `server:` at the top is meant as xmpp.server. */
function elsewhere(root: JsonSchema, name: string): string | undefined {
  for (const [section, schema] of Object.entries(root.properties ?? {})) {
    if (section !== "bridges" && childNames(schema).includes(name)) return `${section}.${name}`;
  }
  return undefined;
}

type Details = Pick<Problem, "message" | "expected" | "example" | "suggestion"> & { severity?: Problem["severity"] };

function report(work: Work, path: Path, place: Place, details: Details): void {
  work.problems.push({ severity: "error", ...place, path: pathText(path), ...details });
}

function isSecret(schema: JsonSchema): boolean {
  return alternatives(schema).some((branch) => branch.writeOnly === true) || schema.writeOnly === true;
}

function isPath(schema: JsonSchema): boolean {
  return alternatives(schema).some((branch) => branch.format === "path");
}

function takesMapping(schema: JsonSchema): boolean {
  return alternatives(schema).some((branch) => branch.type === "object");
}
