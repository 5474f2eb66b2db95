// Random kill -9 under load in both directions and both modes, as many as wanted.
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Verdict } from "./checks.ts";
import { createScenario } from "./scenario.ts";
import { startMatrixWorld } from "./matrix-world.ts";
import { register, startWorld, type World } from "./world.ts";

export type NetworkName = "mail" | "matrix";

const worlds: Readonly<Record<NetworkName, () => Promise<World>>> = { mail: startWorld, matrix: startMatrixWorld };

export const isNetworkName = (name: string): name is NetworkName => Object.hasOwn(worlds, name);

export interface CrashRandomOptions {
  readonly kills: number;
  /** Default "mail". */
  readonly network?: NetworkName;
  /** The longest life of a gateway after it is up. Default 500 ms. */
  readonly lifeMs?: number;
  readonly progress?: (text: string) => void;
}

export interface CrashRandomResult {
  readonly verdict: Verdict;
  /** What was missing when the drain ended; "" for nothing. */
  readonly missing: string;
  /** From the call to the verdict. */
  readonly seconds: number;
}

/** Of each mode. A lane has at most one message that waits for its answer. */
const outLanes = 3;
const inLanes = 3;
/** The in-flight window of the component stream (limits.window). */
const window = 32;

export async function crashRandom(options: CrashRandomOptions): Promise<CrashRandomResult> {
  const { kills, network = "mail", lifeMs = 500, progress } = options;
  const began = Date.now();
  const world = await worlds[network]();
  try {
    const first = await register(world);
    await first.stop();
    const scenario = createScenario(world);
    const lanes = (["account", "domain"] as const).flatMap((mode) => [
      ...scenario.lanes("out", mode, outLanes),
      ...scenario.lanes("in", mode, inLanes),
    ]);
    scenario.startLoad(lanes, { gapMs: 100 });
    for (let kill = 1; kill <= kills; kill++) {
      // Every fifth dies while it still starts or connects.
      const child = await world.start({ early: kill % 5 === 0 });
      scenario.gate.open();
      await sleep(randomInt(1, lifeMs));
      scenario.gate.shut();
      await child.kill();
      if (kill % 20 === 0) progress?.(`${kill} kills in ${seconds(began)} s, ${JSON.stringify(scenario.counts())}`);
    }
    await world.start();
    scenario.gate.open();
    await scenario.stopLoad();
    const missing = await scenario.drain(60_000);
    const verdict = await scenario.verdict({ repeats: kills * window, unanswered: kills * outLanes * 2 });
    scenario.close();
    return { verdict, missing, seconds: seconds(began) };
  } finally {
    await world.stop();
  }
}

const seconds = (began: number): number => Math.round((Date.now() - began) / 1000);
