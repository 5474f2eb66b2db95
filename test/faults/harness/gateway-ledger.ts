// The third ledger: the gateway's own database, read from outside. WAL lets a reader in while the gateway runs.
import { existsSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { directions, states } from "../../../src/store/tables.ts";
import type { GatewayLedger } from "./checks.ts";
import { bodyCanary } from "./marker.ts";

const notFinal =
  "SELECT id, account, direction, peer, state, attempts, error FROM lane_rows WHERE state < 2 ORDER BY id";

/** Rows that are not final, as text. */
export function waitingRows(database: string): string[] {
  return withDatabase(database, (db) =>
    db
      .prepare(notFinal)
      .all()
      .map((row) => JSON.stringify(row)),
  );
}

const delivered =
  "SELECT peer, count(*) AS n FROM lane_rows WHERE direction = ? AND state = ? AND peer LIKE ? GROUP BY peer";

/** After the run, whose name is in the addresses of its peers. */
export function readGateway(database: string, run: string): GatewayLedger {
  return withDatabase(database, (db) => ({
    waiting: db
      .prepare(notFinal)
      .all()
      .map((row) => JSON.stringify(row)),
    integrity: db
      .prepare("PRAGMA integrity_check")
      .all()
      .map((row) => String(Object.values(row)[0]))
      .join(", "),
    delivered: new Map(
      db
        .prepare(delivered)
        .all(directions.indexOf("outgoing"), states.indexOf("done"), `contact/%${run}-%`)
        .map((row) => [String(row["peer"]).slice("contact/".length), Number(row["n"])]),
    ),
  }));
}

/**
 * The order in which the gateway took mails over. Postfix delivers side by side and puts off what fails: which of two
 * mails came first is for whoever got them to say. By marker.
 */
export function intakeOrder(database: string, run: string): Map<string, number> {
  const marker = new RegExp(`^Message-ID: <(${run}-[^@>]*)@`, "m");
  const rows = withDatabase(database, (db) => db.prepare("SELECT row_id, raw FROM originals").all());
  return new Map(
    rows.flatMap(({ row_id: row, raw }) => {
      const found = marker.exec(Buffer.from(raw as Uint8Array).toString("latin1"))?.[1];
      return found === undefined ? [] : [[found, Number(row)] as const];
    }),
  );
}

function withDatabase<T>(file: string, read: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    db.exec("PRAGMA busy_timeout = 2000");
    return read(db);
  } finally {
    db.close();
  }
}

/** What waits until later may go now, as if the time had passed. The gateway must not run. */
export function letTimePass(database: string): void {
  const db = new DatabaseSync(database);
  db.exec("UPDATE lane_rows SET not_before = 0 WHERE state < 2");
  db.close();
}

/** Milliseconds from now until the first row that is not final may be tried again; undefined: there is none. */
export function nextTryIn(database: string): number | undefined {
  const query = "SELECT min(not_before) AS at FROM lane_rows WHERE state < 2 AND attempts > 0";
  const at = withDatabase(database, (db) => db.prepare(query).get()?.["at"]);
  return typeof at === "number" ? at - Date.now() : undefined;
}

/** Where a secret stands that must stand nowhere, and a message's text in the log (L9). */
export function findLeaks(database: string, log: string, secrets: Readonly<Record<string, string>>): string[] {
  const files = [database, `${database}-wal`]
    .filter((file) => existsSync(file))
    .map((file) => ({
      name: file.endsWith("-wal") ? "the write-ahead log" : "the database",
      bytes: readFileSync(file),
    }));
  const places = [{ name: "the log", bytes: Buffer.from(log) }, ...files];
  const leaks: string[] = [];
  for (const [name, secret] of Object.entries(secrets)) {
    // base64 at each of the three offsets a secret can have in a SASL PLAIN answer: the part that does not depend on them.
    const forms = [secret, ...[0, 1, 2].map((offset) => base64Core(secret, offset))];
    for (const place of places)
      if (forms.some((form) => place.bytes.includes(form))) leaks.push(`the ${name} secret is in ${place.name}`);
  }
  if (log.includes(bodyCanary)) leaks.push("a message's text is in the log");
  return leaks;
}

function base64Core(secret: string, offset: number): string {
  const encoded = Buffer.from(`${"\0".repeat(offset)}${secret}`)
    .toString("base64")
    .replace(/=+$/, "");
  return encoded.slice(offset === 0 ? 0 : offset + 1, -2);
}
