import { expect, it } from "vitest";
import { createBackoff } from "../../src/xmpp/backoff.ts";

const take = (random: () => number, count: number): number[] => {
  const backoff = createBackoff({ random });
  return Array.from({ length: count }, () => backoff.next());
};

it("doubles from one second to one minute", () => {
  expect(take(() => 0.5, 8)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

it("spreads each delay by a fifth to both sides", () => {
  expect(take(() => 0, 2)).toEqual([800, 1600]);
  expect(take(() => 1, 2)).toEqual([1200, 2400]);
});

it("begins again after a reset", () => {
  const backoff = createBackoff({ random: () => 0.5 });
  backoff.next();
  backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(1000);
});
