// The configuration as it was written: plain values, and where each of them stands.
import { type Document, LineCounter, type Node, isMap, isNode, isScalar, isSeq, parseDocument } from "yaml";
import { type Path, type Problem, pathText } from "../config-problems.ts";
import type { Override } from "./environment.ts";

export interface Place {
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

/** Values out of YAML: mappings are plain objects. */
export type Tree = { [key: string]: unknown };

export interface Source {
  /** Undefined when the file is no mapping: then there is nothing to validate. */
  readonly tree: Tree | undefined;
  readonly problems: readonly Problem[];
  /** Where the value of an option stands; of a missing one, what should hold it. */
  placeOf(path: Path): Place;
  /** Where the name of an option stands. */
  placeOfName(path: Path): Place;
  /**
   * False behind a syntax error, and for what is missing when there is one: what the parser made of the file is
   * guesswork then, complaints about it would mislead.
   */
  isReliable(problem: Place & { readonly path: string }): boolean;
}

// Aliases may repeat a value, not build a bomb of them.
const maxAliases = 50;

/** Parses `text` and lays the overrides over it. `file` is how problems name the file. */
export function readSource(text: string, file: string, overrides: readonly Override[]): Source {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const problems: Problem[] = document.errors.map((error) => ({
    severity: "error",
    source: file,
    ...position(counter, error.pos[0]),
    path: "",
    message: `this is not valid YAML: ${firstLine(error.message)}.`,
  }));
  const firstError = Math.min(...document.errors.map((error) => error.pos[0]));

  const root = rootOf(document, file);
  problems.push(...root.problems);
  const variables = new Map<string, string>();
  for (const override of overrides) {
    if (root.tree !== undefined && setIn(root.tree, override.path, override.value))
      variables.set(pathText(override.path), override.variable);
  }

  const locate = (path: Path, wanted: "value" | "name"): Place => {
    const variable = variableFor(variables, path);
    if (variable !== undefined) return { source: `environment variable ${variable}`, line: 0, column: 0 };
    const node = nodeAt(document.contents, path, wanted);
    return { source: file, ...(node?.range ? position(counter, node.range[0]) : { line: 1, column: 1 }) };
  };
  return {
    tree: root.tree,
    problems,
    placeOf: (path) => locate(path, "value"),
    placeOfName: (path) => locate(path, "name"),
    isReliable: ({ path, line }) => document.errors.length === 0 || line === 0 || endOf(document, path) < firstError,
  };
}

/** The offset behind a value; of what is not there, infinity. */
function endOf(document: Document, path: string): number {
  const node = document.getIn(path.split("."), true);
  return (isNode(node) ? node.range?.[1] : undefined) ?? Number.POSITIVE_INFINITY;
}

function rootOf(document: Document, file: string): { tree: Tree | undefined; problems: Problem[] } {
  const wrong = (message: string): { tree: undefined; problems: Problem[] } => ({
    tree: undefined,
    problems: [{ severity: "error", source: file, line: 1, column: 1, path: "", message }],
  });
  try {
    const value: unknown = document.toJS({ maxAliasCount: maxAliases });
    if (value === null || value === undefined) return { tree: {}, problems: [] };
    if (typeof value !== "object" || Array.isArray(value)) return wrong("the file must be a mapping of options.");
    return { tree: value as Tree, problems: [] };
  } catch {
    // yaml throws for aliases that point nowhere or multiply beyond `maxAliases`.
    return wrong("the file uses YAML aliases that lead nowhere or multiply; write the values out.");
  }
}

function position(counter: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = counter.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function firstLine(message: string): string {
  return message.split("\n", 1).join("").replace(/[.:]$/, "");
}

/** The node at a path, or the nearest one above that exists: there the name, since that is where the eye looks. */
function nodeAt(contents: unknown, path: Path, wanted: "value" | "name"): Node | undefined {
  let value = isNode(contents) ? contents : undefined;
  let name: Node | undefined;
  for (const [depth, step] of path.entries()) {
    const child = childOf(value, step);
    if (child === undefined) return depth === 0 ? value : (name ?? value);
    name = child.name ?? child.value;
    value = child.value;
  }
  // An empty value has no place of its own worth showing.
  return wanted === "name" || (isScalar(value) && value.value === null) ? (name ?? value) : value;
}

function childOf(node: Node | undefined, step: string | number): { name?: Node; value?: Node } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
    if (pair === undefined) return undefined;
    return { ...(isNode(pair.key) ? { name: pair.key } : {}), ...(isNode(pair.value) ? { value: pair.value } : {}) };
  }
  if (!isSeq(node)) return undefined;
  const item = node.items[Number(step)];
  return isNode(item) ? { value: item } : undefined;
}

function variableFor(variables: ReadonlyMap<string, string>, path: Path): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const variable = variables.get(pathText(path.slice(0, length)));
    if (variable !== undefined) return variable;
  }
  return undefined;
}

/** False when a list or a plain value of the file stands in the way; validation then reports that. */
function setIn(tree: Tree, path: readonly string[], value: unknown): boolean {
  let target: Tree = tree;
  for (const step of path.slice(0, -1)) {
    const next = Object.hasOwn(target, step) ? target[step] : undefined;
    if (next === undefined || next === null) {
      const made: Tree = {};
      define(target, step, made);
      target = made;
    } else if (isTree(next)) {
      target = next;
    } else {
      return false;
    }
  }
  define(target, path.at(-1) ?? "", value);
  return true;
}

// Plain assignment to "__proto__" would change the prototype instead.
function define(target: Tree, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Whether a value is a mapping. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
