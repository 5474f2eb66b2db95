import { expect, test } from "vitest";
import { createHealth } from "../../src/web/health.ts";
import { createTestClock } from "../kit/clock.ts";
import { startWebServer } from "./web-setup.ts";

const waiting = { outgoing: 2, incoming: 1, intake: 0 };

test("health is ok while all links are up and the database answers", async () => {
  const health = { links: () => ({ email: true, matrix: true }), store: async () => waiting };
  const { get } = await startWebServer({ health });
  const { status, body } = await get("/health");
  expect(status).toBe(200);
  expect(JSON.parse(body)).toEqual({ status: "ok", links: { email: "up", matrix: "up" }, store: "up", waiting });
});

test("health is trouble when a link is down, the database fails, or it does not answer", async () => {
  const clock = createTestClock();
  const report = async (matrix: boolean, store: () => Promise<typeof waiting>) => {
    const answer = createHealth({ links: () => ({ matrix }), store }, clock)();
    await clock.advance(5_000);
    return [(await answer).status, await (await answer).json()];
  };
  const failing = { status: "trouble", links: { matrix: "up" }, store: "down" };
  expect(await report(false, async () => waiting)).toEqual([
    503,
    { status: "trouble", links: { matrix: "down" }, store: "up", waiting },
  ]);
  expect(await report(true, async () => Promise.reject(new Error("gone")))).toEqual([503, failing]);
  expect(await report(true, () => new Promise(() => {}))).toEqual([503, failing]);
});

test("H12: asking often does not ask the database often", async () => {
  const clock = createTestClock();
  let asked = 0;
  const store = async () => {
    asked++;
    return waiting;
  };
  const health = createHealth({ links: () => ({}), store }, clock);
  for (let round = 0; round < 100; round++) await health();
  expect(asked).toBe(1);
  await clock.advance(1_000);
  await health();
  expect(asked).toBe(2);
});
