// Writes config/viaduct.schema.json from the zod schemas. `--check` only compares, and fails when it is stale.
import { readFile, writeFile } from "node:fs/promises";
import { publishedSchema } from "../src/config/whole-schema.ts";
import { loadBridges } from "../src/load-bridges.ts";

const file = new URL("../config/viaduct.schema.json", import.meta.url);
const fresh = `${JSON.stringify(publishedSchema(await loadBridges()), undefined, 2)}\n`;

if (process.argv.includes("--check")) {
  const stored = await readFile(file, "utf8").catch(() => "");
  if (stored !== fresh) {
    console.error("config/viaduct.schema.json is stale: npm run schema");
    process.exitCode = 1;
  }
} else {
  await writeFile(file, fresh);
}
