// What can be wrong with a configuration, and how it is told to the operator.

/** One mistake. `message` is a sentence without secrets; the rest helps to mend it. */
export interface Problem {
  /** Errors stop the start; warnings are shown and the gateway runs. */
  readonly severity: "error" | "warning";
  /** The file, or the environment variable, the mistake is in. */
  readonly source: string;
  /** Where in the file, from 1. Something missing is placed at what should hold it. 0: the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** Dotted path of the option, such as "xmpp.server"; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What would be right, in words. */
  readonly expected?: string;
  /** A value that would be right. */
  readonly example?: string;
  /** The name that was probably meant. */
  readonly suggestion?: string;
}

export type Path = readonly (string | number)[];

/** "bridges.email.domain.users.0": for people, and a key for maps. */
export function pathText(path: Path): string {
  return path.join(".");
}

/** All problems, one paragraph each, in the order of the file. */
export function formatProblems(problems: readonly Problem[]): string {
  return inFileOrder(problems).map(formatProblem).join("\n");
}

function inFileOrder(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    (a, b) =>
      a.source.localeCompare(b.source) || a.line - b.line || a.column - b.column || a.path.localeCompare(b.path),
  );
}

function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.source}:${problem.line}:${problem.column}` : problem.source;
  const subject = problem.path === "" ? "" : `${problem.path}: `;
  const lines = [`${place}: ${problem.severity}: ${subject}${problem.message}`];
  if (problem.suggestion !== undefined) lines.push(`    did you mean: ${problem.suggestion}`);
  if (problem.expected !== undefined) lines.push(`    expected: ${problem.expected}`);
  if (problem.example !== undefined) lines.push(`    example: ${problem.example}`);
  return lines.join("\n");
}
