// One run: lanes under load, ledgers, the drain, and the verdict.
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Element } from "ltx";
import { judge, type Tolerance, type Verdict } from "./checks.ts";
import type { FarEnd } from "./far-end.ts";
import { findLeaks, readGateway, waitingRows } from "./gateway-ledger.ts";
import { openLedger, type ReceivedEntry, type SentEntry } from "./ledger.ts";
import { createLane, drive, type Lane } from "./load.ts";
import { type Marker, readMarked } from "./marker.ts";
import type { Direction, Mode } from "./network.ts";
import type { World } from "./world.ts";

export interface ScenarioOptions {
  /** Default: the network's. */
  readonly farEnd?: FarEnd;
}

export interface LoadOptions {
  readonly gapMs?: number;
  /** How long a lane waits for the fate of its last message before it goes on. Default 20 s for in, 1 s for out. */
  readonly patienceMs?: number;
}

export interface Scenario {
  readonly run: string;
  lane(direction: Direction, mode: Mode, index?: number): Lane;
  lanes(direction: Direction, mode: Mode, count: number): readonly Lane[];
  /** Load on these lanes until `stopLoad`. Outgoing lanes pause while the gate is shut. */
  startLoad(lanes: readonly Lane[], options?: LoadOptions): void;
  stopLoad(): Promise<void>;
  /** Open while there is a gateway that can answer. */
  readonly gate: { open(): void; shut(): void };
  /** How many messages were sent, are confirmed, have arrived so far. */
  counts(): { readonly sent: number; readonly told: number; readonly received: number };
  /** How many of these markers' messages are at their far end. */
  arrived(marker: Marker): boolean;
  outcome(marker: Marker): "ok" | "error" | undefined;
  /** Waits until everything has come to its end, at most so long, and tells what is missing then ("" for nothing). */
  drain(withinMs?: number): Promise<string>;
  /** Counts what the server's archive has and no client got: a killed server takes what was on its way with it. */
  lookIntoArchives(): Promise<void>;
  verdict(tolerance: Tolerance): Promise<Verdict>;
  close(): void;
}

/** Messages of one lane that wait in the network while the gateway is dead. */
const mostUnderWay = 6;

export function createScenario(world: World, options: ScenarioOptions = {}): Scenario {
  const began = Date.now();
  const run = `r${randomBytes(3).toString("hex")}`;
  const dir = mkdtempSync(join(tmpdir(), "viaduct-ledgers-"));
  const sent = openLedger<SentEntry>(join(dir, "sent.jsonl"));
  const received = openLedger<ReceivedEntry>(join(dir, "received.jsonl"));
  const { network } = world;
  const farEnd = options.farEnd ?? network.farEnd;
  if (farEnd === undefined) throw new Error("this scenario has no far end");
  const lanes = new Map<string, Lane>();
  const told = new Map<string, "ok" | "error">();
  const arrived = new Set<string>();
  const changed = new Set<() => void>();
  const noteChange = (): void => {
    for (const wake of changed) wake();
  };
  let gate = Promise.withResolvers<void>();
  let load: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined;
  const messages: Extract<SentEntry, { kind: "sent" }>[] = [];
  const ledger = {
    ...sent,
    write(entry: SentEntry): void {
      sent.write(entry);
      if (entry.kind === "sent") messages.push(entry);
      else told.set(entry.marker, entry.outcome);
    },
  };
  const stopHearing = [world.alice, world.dora].map((person) =>
    person.onStanza((stanza) => {
      const heard = hear(stanza, person.bareJid, run);
      if (heard === undefined) return;
      if ("outcome" in heard) ledger.write({ kind: "saw", ...heard, at: Date.now() });
      else {
        received.write(heard);
        arrived.add(heard.marker);
      }
      noteChange();
    }),
  );

  const recipients = (): string[] =>
    [...lanes.values()].filter((lane) => lane.direction === "out").map((lane) => lane.to);
  const missing = async (): Promise<string[]> => {
    for (const mail of await farEnd.collect(recipients())) arrived.add(mail.marker);
    const fate = (entry: { readonly marker: string }) => told.get(entry.marker);
    const lost = messages.filter((entry) => fate(entry) === "ok" && !arrived.has(entry.marker));
    const open = messages.filter((entry) => fate(entry) === undefined);
    return [
      ...lost.map((entry) => `${entry.marker} is confirmed and not there`),
      ...waitingRows(world.database).map((row) => `row ${row}`),
      ...open.map((entry) => `${entry.marker} is unanswered`),
    ];
  };

  const scenario: Scenario = {
    run,
    lane(direction, mode, index = lanes.size) {
      const lane = createLane({ world, run, ledger }, direction, mode, index);
      lanes.set(lane.name, lane);
      return lane;
    },
    lanes: (direction, mode, count) => Array.from({ length: count }, () => scenario.lane(direction, mode)),
    startLoad(driven, { gapMs = 40, patienceMs } = {}) {
      const abort = new AbortController();
      const { signal } = abort;
      setMaxListeners(0, signal);
      const ready = async (lane: Lane, last: Marker | undefined): Promise<void> => {
        if (lane.direction === "in" && network.keepsOrder(lane.mode)) {
          // The order is safe without waiting; but the load must not run away from the drain.
          return until(() => underWay(lane.name) < mostUnderWay, patienceMs ?? 20_000, signal);
        }
        const patience = patienceMs ?? (lane.direction === "in" ? 20_000 : 1_000);
        if (last) await until(() => (lane.direction === "in" ? arrived : told).has(last.text), patience, signal);
        if (lane.direction === "out") await Promise.race([gate.promise, aborted(signal)]);
      };
      const work = driven.map((lane) => drive(lane, { gapMs, ready, signal }));
      if (driven.some((lane) => lane.direction === "in" && lane.mode === "domain")) work.push(keepHurrying(signal));
      load = { abort, done: Promise.all(work) };
    },
    async stopLoad() {
      load?.abort.abort();
      await load?.done;
      load = undefined;
    },
    gate: {
      open: () => gate.resolve(),
      shut: () => {
        gate = Promise.withResolvers<void>();
      },
    },
    counts: () => ({ sent: messages.length, told: told.size, received: arrived.size }),
    arrived: (marker) => arrived.has(marker.text),
    outcome: (marker) => told.get(marker.text),
    async drain(withinMs = 20_000) {
      // What the users wrote before this has been read by the gateway, if it ever will be.
      await Promise.all([world.alice.sync(), world.dora.sync()]);
      const deadline = Date.now() + withinMs;
      let quietSince: number | undefined;
      let hurriedAt = 0;
      for (;;) {
        const left = await missing();
        if (left.length === 0) return "";
        const onlyUnanswered = left.every((text) => text.endsWith("is unanswered"));
        if (onlyUnanswered) quietSince ??= Date.now();
        else quietSince = undefined;
        // Nothing is under way in the gateway: nobody will answer these.
        if (quietSince !== undefined && Date.now() - quietSince > 1_000) return "";
        if (Date.now() > deadline) return left.slice(0, 20).join("\n");
        if (Date.now() - hurriedAt > 400) {
          hurriedAt = Date.now();
          await network.hurry();
        }
        await sleep(40);
      }
    },
    async lookIntoArchives() {
      for (const person of [world.alice, world.dora]) {
        for (const stanza of await person.archive(new Date(began - 60_000))) {
          const heard = hear(stanza, person.bareJid, run);
          if (heard === undefined || "outcome" in heard || arrived.has(heard.marker)) continue;
          received.write(heard);
          arrived.add(heard.marker);
        }
      }
    },
    async verdict(tolerance) {
      for (const entry of await farEnd.inOrder(recipients())) received.write(entry);
      const senders = [...lanes.values()].filter((lane) => lane.direction === "in").map((lane) => lane.peer);
      for (const marker of await farEnd.bounced(senders))
        ledger.write({ kind: "saw", marker, outcome: "error", detail: "came back as undeliverable", at: Date.now() });
      const modes = new Set([...lanes.values()].filter((lane) => lane.direction === "in").map((lane) => lane.mode));
      const evidence = {
        sent: sent.read(),
        received: received.read(),
        gateway: readGateway(world.database, run),
        places: await network.places(run, modes),
        leaks: findLeaks(world.database, world.logs(), network.secrets),
      };
      return judge(evidence, tolerance);
    },
    close() {
      for (const stop of stopHearing) stop();
      sent.close();
      received.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return scenario;

  function underWay(name: string): number {
    let count = 0;
    for (const entry of messages) if (entry.lane === name && !arrived.has(entry.marker)) count++;
    return count;
  }

  async function keepHurrying(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await network.hurry();
      await sleep(400, undefined, { signal }).catch(() => {});
    }
  }

  async function until(done: () => boolean, withinMs: number, signal: AbortSignal): Promise<void> {
    if (done() || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (done()) resolve();
    };
    changed.add(look);
    await Promise.race([promise, sleep(withinMs, undefined, { ref: false }), aborted(signal)]);
    changed.delete(look);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

type Heard = { readonly marker: string; readonly outcome: "ok" | "error"; readonly detail: string } | ReceivedEntry;

/** What a stanza means for this run; undefined: nothing. */
function hear(stanza: Element, user: string, run: string): Heard | undefined {
  if (stanza.name !== "message") return undefined;
  const receipt = stanza.getChild("received", "urn:xmpp:receipts");
  if (receipt) return ours(String(receipt.attrs["id"]), run, "ok", "receipt");
  if (stanza.attrs["type"] === "error") {
    const error = stanza.getChild("error");
    const why =
      error?.getChildText("text") ??
      error?.children.map((child) => (typeof child === "string" ? child : child.name)).join(" ");
    return ours(String(stanza.attrs["id"]), run, "error", why ?? "an error without words");
  }
  const marked = readMarked(stanza.getChildText("body") ?? "");
  if (marked === undefined || marked.run !== run) return undefined;
  const { text: marker, lane, seq, intact } = marked;
  // XEP-0045 section 7.4: in a room one's own words come back, and tell that they are said.
  if (stanza.attrs["type"] === "groupchat" && lane.startsWith("o"))
    return { marker, outcome: "ok", detail: "reflection" };
  return { marker, lane, seq, intact, id: String(stanza.attrs["id"]), to: user, at: Date.now() };
}

const ours = (marker: string, run: string, outcome: "ok" | "error", detail: string): Heard | undefined =>
  marker.startsWith(`${run}-`) ? { marker, outcome, detail } : undefined;
