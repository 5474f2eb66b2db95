// A process that encrypts and sends as fast as it can, to be killed in the middle of it: `node burst.ts FOLDER`. Its
// settings are in FOLDER/burst.json, its records in FOLDER/records. Prints a line for each text that was sent.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Login, openDevice } from "./device.ts";
import { FileRecords } from "./file-records.ts";

export interface Burst {
  readonly login: Login;
  readonly roomId: string;
  readonly members: readonly string[];
  readonly prefix: string;
}

const folder = process.argv[2] ?? "";
const { login, roomId, members, prefix } = JSON.parse(readFileSync(join(folder, "burst.json"), "utf8")) as Burst;
const device = await openDevice(login, new FileRecords(join(folder, "records")));
for (let count = 0; ; count++) {
  await device.say(roomId, `${prefix} ${count}`, members);
  process.stdout.write(`${prefix} ${count}\n`);
}
