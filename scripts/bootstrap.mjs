// What every npm script starts with. Plain JavaScript without dependencies, because it runs under whatever Node the
// machine has (20 or later) in a clone that may have no node_modules yet: it installs what is missing, then hands over
// to the Node 24 among the dependencies.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const scripts = {
  test: "scripts/test.ts",
  check: "scripts/check.ts",
  build: "scripts/build.ts",
  schema: "scripts/generate-schema.ts",
  demo: "demo/main.ts",
  bench: "bench/main.ts",
  faults: "test/faults/main.ts",
};

const [task = "", ...args] = process.argv.slice(2);
if (!Object.hasOwn(scripts, task)) {
  console.error(`usage: node scripts/bootstrap.mjs ${Object.keys(scripts).join("|")} [ARGUMENTS]`);
  process.exit(2);
}
ensureDependencies();
start(scripts[task], args);

/** npm ci, unless what is installed came from this very lockfile. */
function ensureDependencies() {
  const lock = join(root, "package-lock.json");
  const stamp = join(root, "node_modules", ".viaduct-lock-hash");
  const hash = createHash("sha256").update(readFileSync(lock)).digest("hex");
  if (existsSync(node24())) {
    if (existsSync(stamp) ? readFileSync(stamp, "utf8") === hash : isInstalledByHand(lock)) return;
  }
  console.log("installing dependencies (npm ci)");
  const clean = npm(["ci"]);
  let installed = clean.status === 0;
  if (!installed && lacksOnlyOtherPlatforms(clean.stderr)) {
    // COMPAT(npm 11): when a registry does not carry a package for another platform, the lockfile cannot name it and
    // `npm ci` refuses the lockfile. `npm install --no-save` installs the same versions and checksums, and leaves it alone.
    console.log("this registry lacks packages for other platforms; installing from the lockfile without them");
    const lenient = npm(["install", "--no-save"]);
    installed = lenient.status === 0;
    if (!installed) process.stderr.write(lenient.stderr);
  } else if (!installed) {
    // Of a success npm only tells that its own Node is older than ours: the dependencies bring theirs.
    process.stderr.write(clean.stderr);
  }
  if (!installed || !existsSync(node24())) {
    console.error("the dependencies could not be installed: npm said why above.");
    process.exit(1);
  }
  writeFileSync(stamp, hash);
}

/** Runs the npm that started us, with npm's own settings in the environment as they are. */
function npm(npmArgs) {
  const self = process.env.npm_execpath;
  const [command, ...first] = self?.endsWith("npm-cli.js") ? [process.execPath, self] : ["npm"];
  const result = spawnSync(command, [...first, ...npmArgs], {
    cwd: root,
    stdio: ["ignore", "inherit", "pipe"],
    encoding: "utf8",
  });
  return { status: result.status, stderr: result.stderr ?? String(result.error) };
}

/** Whether all that `npm ci` complains of is packages that the lockfile does not name (a registry may list more or fewer platforms). */
function lacksOnlyOtherPlatforms(stderr) {
  const missing = stderr.split("\n").filter((line) => /\b(Missing|Invalid): /.test(line));
  return missing.length > 0 && missing.every((line) => /Missing: \S+@\S* from lock file$/.test(line.trimEnd()));
}

/** npm leaves a lockfile of its own in node_modules; one younger than ours was made from it. */
function isInstalledByHand(lock) {
  const installed = join(root, "node_modules", ".package-lock.json");
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
}

function start(script, scriptArgs) {
  const path = [join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
  const child = spawn(node24(), [join(root, script), ...scriptArgs], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`cannot start Node 24: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

function node24() {
  return join(root, "node_modules", ".bin", "node");
}
