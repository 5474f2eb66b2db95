import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { objectAt, textAt } from "../../../../bridges/matrix/json.ts";
import { MemoryRecords } from "../../../../src/bridge/harness.ts";
import { startSynapse, type Synapse } from "../../../lab/synapse.ts";
import type { Burst } from "./burst.ts";
import { createRoom, logIn, openDevice } from "./device.ts";
import { FileRecords } from "./file-records.ts";

let synapse: Synapse;
const folder = mkdtempSync(join(tmpdir(), "viaduct-burst-"));
const program = fileURLToPath(new URL("burst.ts", import.meta.url));

beforeAll(async () => {
  synapse = await startSynapse({ users: { ann: "pw", bob: "pw" } });
}, 60_000);
afterAll(async () => {
  await synapse.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

/** Runs the burst, kills it after `lines` sent texts and some milliseconds; resolves with what it says it sent. */
async function burst(settings: Burst, lines: number, more: number): Promise<string[]> {
  writeFileSync(join(folder, "burst.json"), JSON.stringify(settings));
  const child = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  let output = "";
  child.stdout.setEncoding("utf8");
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: string) => {
      output += chunk;
      if (output.split("\n").length > lines) setTimeout(resolve, more);
    });
    child.once("close", () => resolve());
  });
  child.kill("SIGKILL");
  await ended;
  return output.split("\n").slice(0, -1);
}

it("loses nothing and takes no ratchet step twice when it is killed in a burst", { timeout: 60_000 }, async () => {
  const records = join(folder, "records");
  const bob = await openDevice(await logIn(synapse.baseUrl, "bob", "pw"), new MemoryRecords());
  const login = await logIn(synapse.baseUrl, "ann", "pw");
  let ann = await openDevice(login, new FileRecords(records));
  await Promise.all([ann.sync(), bob.sync()]);
  await bob.until("the keys", () => bob.requests.some(({ line }) => line === "POST v3/keys/upload"));
  const roomId = await createRoom(ann.call, [bob.login.userId]);
  await bob.join(roomId);
  await ann.close();

  const members = [login.userId, bob.login.userId];
  const sent: string[] = [];
  for (const [round, more] of [1, 4, 9].entries()) {
    const said = await burst({ login, roomId, members, prefix: `round ${round}` }, 8, more);
    expect(said.length).toBeGreaterThanOrEqual(8);
    sent.push(...said);
  }
  ann = await openDevice(login, new FileRecords(records));
  await ann.say(roomId, "the end", members);
  sent.push("the end");

  await bob.until("the end", async () => (await bob.texts()).includes("the end"));
  const texts = await bob.texts();
  expect(sent.filter((text) => !texts.includes(text))).toEqual([]);
  expect(texts).not.toContain("?");
  const steps = bob.events.map(({ event }) => stepOf(textAt(objectAt(event, "content"), "ciphertext") ?? ""));
  const sessions = bob.events.map(({ event }) => textAt(objectAt(event, "content"), "session_id"));
  const taken = steps.map((step, place) => `${sessions[place]} ${step}`);
  expect(new Set(taken).size).toBe(taken.length);
  expect(new Set(sessions).size).toBe(1);
  await Promise.all([ann.close(), bob.close()]);
});

/** The message index in a Megolm message: after the version, field 0x08, a varint (Olm's docs, "Message format"). */
function stepOf(ciphertext: string): number {
  const bytes = Buffer.from(ciphertext, "base64");
  expect([bytes[0], bytes[1]]).toEqual([3, 8]);
  let [step, shift, place] = [0, 0, 2];
  for (let byte = 0x80; byte & 0x80; shift += 7) {
    byte = bytes[place++] ?? 0;
    step |= (byte & 0x7f) << shift;
  }
  return step;
}
