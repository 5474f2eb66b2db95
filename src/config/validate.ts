// Runs a Standard Schema and turns its issues into problems with a place, an expectation and an example.
import type { OptionsSchema } from "#bridge";
import { type Path, type Problem, pathText } from "../config-problems.ts";
import { exampleLine } from "./example.ts";
import { type JsonSchema, alternatives, expectation, schemaAt } from "./json-schema.ts";
import type { Prepared } from "./prepare.ts";
import { type Source, isTree } from "./source.ts";

export interface Validation {
  readonly source: Source;
  readonly prepared: Prepared;
  readonly root: JsonSchema;
  readonly problems: Problem[];
}

// What a Standard Schema returns, and what zod adds to it.
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
  readonly code?: string;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
}
type Result<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

/** The parsed value; undefined when there were problems, which are added to `validation.problems`. */
export async function validate<T>(
  validation: Validation,
  schema: OptionsSchema<T>,
  value: unknown,
  base: Path,
): Promise<T | undefined> {
  const result = (await schema["~standard"].validate(value)) as Result<T>;
  if (result.issues === undefined) return result.value;
  for (const issue of result.issues.flatMap((each) => mostTelling(each))) {
    for (const path of pathsOf(issue)) addProblem(validation, issue, value, base, path);
  }
  return undefined;
}

/** Of a union that failed, the complaints of the branch that was meant, if one can be told. */
function mostTelling(issue: Issue): Issue[] {
  const meant = (issue.errors ?? [])
    .filter((branch) => branch.every((inner) => (inner.path ?? []).length > 0))
    .sort((a, b) => a.length - b.length)[0];
  if (issue.code !== "invalid_union" || meant === undefined) return [issue];
  return meant
    .map((inner) => ({ ...inner, path: [...(issue.path ?? []), ...(inner.path ?? [])] }))
    .flatMap(mostTelling);
}

function pathsOf(issue: Issue): Path[] {
  const path = (issue.path ?? []).map((step) => {
    const key = typeof step === "object" ? step.key : step;
    return typeof key === "number" ? key : String(key);
  });
  return issue.code === "unrecognized_keys" ? (issue.keys ?? []).map((key) => [...path, key]) : [path];
}

function addProblem(validation: Validation, issue: Issue, value: unknown, base: Path, relative: Path): void {
  const path = [...base, ...relative];
  const given = valueAt(value, relative);
  if (given === undefined && validation.prepared.spoiled.has(pathText(path))) return;
  const schema = schemaAt(validation.root, path);
  const example = exampleLine(validation.root, path);
  validation.problems.push({
    severity: "error",
    ...validation.source.placeOf(path),
    path: pathText(path),
    message: sentence(issue, given, schema),
    ...(schema === undefined ? {} : { expected: expectation(schema) }),
    ...(example === undefined ? {} : { example }),
  });
}

function sentence(issue: Issue, given: unknown, schema: JsonSchema | undefined): string {
  if (issue.code === "unrecognized_keys") return "there is no such option.";
  if (given === undefined && issue.code !== "custom") return "this option is missing.";
  if (given === null) return "this option has no value.";
  // Words that a schema's author chose are better than ours; zod's own are not made for operators.
  if (!/^(Invalid|Too|Unrecognized)\b/.test(issue.message)) return issue.message;
  const secret = schema === undefined || alternatives(schema).some((branch) => branch.writeOnly === true);
  if (typeof given === "number" && schema?.type === "string")
    return "this is a number; put it in quotes to make it text.";
  return `${secret ? "this" : shown(given)} does not fit.`;
}

// Values in messages are JSON, so that no control character reaches the terminal.
function shown(value: unknown): string {
  if (isTree(value)) return "a mapping";
  if (Array.isArray(value)) return "a list";
  const text = JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?");
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function valueAt(value: unknown, path: Path): unknown {
  let found = value;
  for (const step of path) {
    if (Array.isArray(found)) found = (found as unknown[])[Number(step)];
    else if (isTree(found) && Object.hasOwn(found, step)) found = found[step];
    else return undefined;
  }
  return found;
}
