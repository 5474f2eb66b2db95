// What the package ships, compiled once for all test processes of a run: a child starts in half the time.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** The process itself (viaduct-process.ts) and what it needs are compiled along. */
const sources = ["src/**/*.ts", "bridges/**/*.ts", "test/kit/viaduct-process.ts", "bench/echo.ts"];

/**
 * A folder with the gateway as JavaScript, for `startChild({ built })`. Named by the sources' hash and kept below
 * node_modules, where packages resolve; `dist` is left alone, somebody may be running from it.
 */
export function builtFolder(): string {
  const hash = createHash("sha256");
  for (const file of globSync([...sources, "package.json", "tsconfig*.json"], { cwd: root }).toSorted()) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  const folder = join(root, "node_modules", ".viaduct-built", hash.digest("hex").slice(0, 16));
  const dist = join(folder, "dist");
  if (existsSync(folder)) return dist;
  const fresh = `${folder}.${process.pid}`;
  const outDir = join(fresh, "dist");
  mkdirSync(outDir, { recursive: true });
  const project = join(fresh, "tsconfig.json");
  const include = sources.map((pattern) => join(root, pattern));
  writeFileSync(
    project,
    JSON.stringify({ extends: join(root, "tsconfig.build.json"), compilerOptions: { rootDir: root }, include }),
  );
  // Types are the business of `npm run check`.
  spawnSync("tsc", ["-p", project, "--noEmitOnError", "false", "--declaration", "false", "--outDir", outDir], {
    cwd: root,
    env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}` },
    timeout: 120_000,
  });
  if (!existsSync(join(outDir, "src", "main.js"))) throw new Error("tsc built nothing: does `npm run build` work?");
  const manifest = { type: "module", imports: { "#bridge": "./src/bridge/index.js" } };
  writeFileSync(join(outDir, "package.json"), JSON.stringify(manifest));
  copyFileSync(join(root, "package.json"), join(fresh, "package.json")); // the version is read from there
  try {
    renameSync(fresh, folder);
  } catch {
    rmSync(fresh, { recursive: true, force: true }); // another worker was faster
  }
  return dist;
}
