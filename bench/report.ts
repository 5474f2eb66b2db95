// The table on the terminal and bench/results/latest.json, which holds every bridge's rows side by side.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it should be. */
  readonly aim?: string;
}

const folder = join(import.meta.dirname, "results");
const file = join(folder, "latest.json");

export class Report {
  readonly #rows: Row[] = [];

  add(name: string, value: number, unit: string, aim?: string): void {
    const rounded = Number(value.toPrecision(4));
    this.#rows.push({ name, value: rounded, unit, ...(aim === undefined ? {} : { aim }) });
    process.stdout.write(
      `${name.padEnd(34)} ${String(rounded).padStart(10)} ${unit.padEnd(6)} ${aim ? `(aim: ${aim})` : ""}\n`,
    );
  }

  /** Writes latest.json; rows of other runs whose names are not in this one stay. */
  write(): void {
    mkdirSync(folder, { recursive: true });
    const mine = new Set(this.#rows.map((row) => row.name));
    const others = readRows().filter((row) => !mine.has(row.name));
    const rows = [...others, ...this.#rows].map(({ name, value, unit }) => ({ name, value, unit }));
    writeFileSync(file, `${JSON.stringify(rows, undefined, 2)}\n`);
    process.stdout.write(`\nwritten to bench/results/latest.json\n`);
  }
}

function readRows(): Row[] {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Row[];
  } catch {
    return [];
  }
}
