// `npm run build`: what the package ships, in dist.
import { spawnSync } from "node:child_process";
import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./check.ts";

const dist = join(root, "dist");
await rm(dist, { recursive: true, force: true });
const { status } = spawnSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
// The imports of the package's own package.json name sources; the nearest one wins.
const manifest = { type: "module", imports: { "#bridge": "./src/bridge/index.js" } };
if (status === 0) {
  await writeFile(join(dist, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await chmod(join(dist, "src", "cli.js"), 0o755);
}
process.exitCode = status ?? 1;
