// `npm run faults -- --kills 500 --network matrix`: the random crashes of crash-random.test.ts and
// matrix-crash-random.test.ts, as many as wanted. Ends with 0 when all laws hold, else with 1 and what is wrong.
import { parseArgs } from "node:util";
import { ensureInstalled } from "../lab/install.ts";
import { report } from "./harness/checks.ts";
import { crashRandom, isNetworkName } from "./harness/crash-random.ts";

const { values } = parseArgs({
  options: { kills: { type: "string", default: "500" }, network: { type: "string", default: "mail" } },
});
const { network } = values;
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1) {
  console.error('--kills wants a number, such as "--kills 500"');
  process.exit(2);
}
if (!isNetworkName(network)) {
  console.error('--network wants "mail" or "matrix"');
  process.exit(2);
}
await ensureInstalled(network === "mail" ? ["prosody", "dovecot", "postfix"] : ["prosody", "synapse"], console.log);
const { verdict, missing, seconds } = await crashRandom({ kills, network, progress: console.log });
const wrong = [missing, report(verdict)].filter((text) => text !== "").join("\n");
console.log(`${kills} kills in ${seconds} s: ${JSON.stringify(verdict.summary)}`);
if (wrong) console.error(wrong);
console.log(wrong ? "FAILED" : "nothing lost, nothing repeated under a new id, order kept");
process.exitCode = wrong ? 1 : 0;
