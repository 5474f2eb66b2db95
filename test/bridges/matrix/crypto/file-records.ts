// Records in one file that is only appended to: a line is one commit, and one that was cut is none.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { RecordChanges, Records } from "../../../../src/bridge/index.ts";

export class FileRecords implements Records {
  readonly #file: string;
  readonly #map = new Map<string, Uint8Array>();

  constructor(file: string) {
    this.#file = file;
    const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    lines.pop(); // what follows the last line feed is empty or cut
    for (const line of lines) this.#apply(JSON.parse(line) as [string, string | null][]);
  }

  async load(prefix: string): Promise<ReadonlyMap<string, Uint8Array>> {
    return new Map([...this.#map].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  async save(changes: RecordChanges): Promise<void> {
    const line = [...changes].map(([key, value]): [string, string | null] => [
      key,
      value === undefined ? null : Buffer.from(value).toString("base64"),
    ]);
    // The commit takes a moment, so that a kill falls before, into and after it.
    await new Promise((resolve) => setTimeout(resolve, 2));
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
    this.#apply(line);
  }

  #apply(line: readonly [string, string | null][]): void {
    for (const [key, value] of line) {
      if (value === null) this.#map.delete(key);
      else this.#map.set(key, Buffer.from(value, "base64"));
    }
  }
}
