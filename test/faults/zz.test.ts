import { setTimeout as sleep } from "node:timers/promises";
import { it } from "vitest";
import { enrol, startWorld } from "./harness/world.ts";
import { createScenario } from "./harness/scenario.ts";
it.each(["prosody", "ejabberd"] as const)("%s", async (xmpp) => {
  const world = await startWorld({ xmpp });
  await world.start();
  await enrol(world);
  const scenario = createScenario(world);
  const lane = scenario.lane("out", "domain");
  const took: number[] = [];
  for (let i = 0; i < 40; i++) {
    await lane.send();
    await sleep(2);
    const t = performance.now();
    await world.dora.sync();
    took.push(performance.now() - t);
    await sleep(100);
  }
  took.sort((a, b) => a - b);
  console.log(xmpp, took.filter((_, i) => i % 4 === 0).map((x) => x.toFixed(1)).join(" "));
  await scenario.drain();
  scenario.close();
  await world.stop();
}, 60000);
