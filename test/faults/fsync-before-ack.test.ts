// "250" is a promise: before it leaves, the mail's bytes were written to the database's log and the log was synced. Seen
// from outside, by strace.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createScenario } from "./harness/scenario.ts";
import { parseTrace, startTrace, type SystemCall, tracingRefused } from "./harness/strace.ts";
import { enrol, startWorld, type World } from "./harness/world.ts";

const calls = ["read", "write", "writev", "pwrite64", "fsync", "fdatasync"];
const mails = 240;
const atOnce = 6;

interface Ack {
  readonly marker: string;
  readonly problem: string | undefined;
}

/** For each mail that was read from a connection: was it written and synced when the next "250 2.0.0 Stored" left there? */
function judgeAcks(trace: readonly SystemCall[], run: string): Ack[] {
  const marker = new RegExp(`Message-ID: <(${run}-[^@>]*)@`, "g");
  const onConnection = new Map<number, string>();
  const written = new Map<string, number>();
  const synced = new Map<string, number>();
  const acks: Ack[] = [];
  for (const call of trace) {
    // A page of the database can hold several.
    for (const [, found = ""] of call.data.matchAll(marker)) {
      if (call.name === "read") onConnection.set(call.fd, found);
      if (call.name === "pwrite64" && !written.has(found)) written.set(found, call.ended);
    }
    if (call.name.endsWith("sync")) {
      // Whatever was written when the sync began is on disk when it ends.
      for (const [name, at] of written) if (at <= call.begun && !synced.has(name)) synced.set(name, call.ended);
    }
    if (call.name.startsWith("write") && call.data.includes("250 2.0.0 Stored")) {
      const name = onConnection.get(call.fd);
      if (name === undefined) continue;
      onConnection.delete(call.fd);
      const at = synced.get(name);
      const problem = !written.has(name)
        ? "never written"
        : at === undefined || at > call.begun
          ? "not synced"
          : undefined;
      acks.push({ marker: name, problem });
    }
  }
  return acks;
}

const refused = tracingRefused();
if (refused) console.warn(`fsync-before-ack is skipped: ${refused}`);

describe.skipIf(refused !== undefined)("LMTP", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
    await world.start();
    await enrol(world);
  });
  afterAll(() => world?.stop());

  it(`none of ${mails} mails is acknowledged before it is synced`, async () => {
    const scenario = createScenario(world);
    const trace = await startTrace(world.child.pid, calls);
    const lanes = scenario.lanes("in", "lmtp", atOnce);
    await Promise.all(
      lanes.map(async (lane) => {
        for (let mail = 0; mail < mails / atOnce; mail++) await lane.send();
      }),
    );
    const acks = judgeAcks(await trace.stop(), scenario.run);
    scenario.close();
    expect(acks.filter((ack) => ack.problem !== undefined)).toEqual([]);
    expect(acks).toHaveLength(mails);
  });
});

describe("the judgement itself", () => {
  const story = (...lines: string[]) => judgeAcks(parseTrace(lines.join("\n")), "r1");
  const read = '7 read(20, "Message-ID: <r1-il0-1-00000000@example.test>\\r\\n"..., 65536) = 900';
  const log = '7 pwrite64(18, "Message-ID: <r1-il0-1-00000000@example.test>"..., 4096, 32) = 4096';
  const sync = "7 fdatasync(18) = 0";
  const ack = '7 write(20, "250 2.0.0 Stored\\r\\n", 18) = 18';

  it("is content with read, written, synced, acknowledged", () =>
    expect(story(read, log, sync, ack)).toEqual([{ marker: "r1-il0-1-00000000", problem: undefined }]));
  it("finds an acknowledgement before the sync", () =>
    expect(story(read, log, ack, sync)).toEqual([{ marker: "r1-il0-1-00000000", problem: "not synced" }]));
  it("finds a sync that began before the write", () =>
    expect(story(read, "8 fdatasync(18 <unfinished ...>", log, "8 <... fdatasync resumed>) = 0", ack)).toEqual([
      { marker: "r1-il0-1-00000000", problem: "not synced" },
    ]));
  it("finds a mail that was never written", () =>
    expect(story(read, sync, ack)).toEqual([{ marker: "r1-il0-1-00000000", problem: "never written" }]));
});
