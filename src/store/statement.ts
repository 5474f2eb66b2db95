// kysely writes the SQL once, node:sqlite runs it. A query is built with `param("name")` where values go, compiled, and
// prepared; calling it costs a few microseconds instead of the tens that building it anew would.
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Compilable } from "kysely";

class Param {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Stands in a query for the argument of that name. */
export const param = <T>(name: string): T => new Param(name) as unknown as T;

export type Args = Readonly<Record<string, SQLInputValue>>;

export interface Statement<Row> {
  /** Returns how many rows changed. */
  run(args?: Args): number;
  all(args?: Args): Row[];
  get(args?: Args): Row | undefined;
}

export function statement<Row>(db: DatabaseSync, query: Compilable<Row>): Statement<Row> {
  const { sql, parameters } = query.compile();
  let prepared: StatementSync | undefined;
  // Prepared on first use: opening the store must not cost a compile for each rare query.
  const stmt = () => (prepared ??= db.prepare(sql));
  const bind = (args: Args): SQLInputValue[] =>
    parameters.map((value) => {
      if (!(value instanceof Param)) return value as SQLInputValue;
      const bound = args[value.name];
      if (bound === undefined) throw new TypeError(`no value for :${value.name}`);
      return bound;
    });
  return {
    run: (args = {}) => Number(stmt().run(...bind(args)).changes),
    all: (args = {}) => stmt().all(...bind(args)) as Row[],
    get: (args = {}) => stmt().get(...bind(args)) as Row | undefined,
  };
}
