import { expect, test } from "vitest";
import { retryDelay } from "../../src/gateway/retry.ts";

test("the wait before a retry is 1 s, doubling up to 5 min", () => {
  const delays = [1, 2, 3, 4, 8, 9, 10, 50, 10_000].map((attempt) => retryDelay(attempt, () => 0.5));
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 128_000, 256_000, 300_000, 300_000, 300_000]);
});

test("the wait is spread by a fifth either way, so that many do not come back at once", () => {
  expect(retryDelay(1, () => 0)).toBe(800);
  expect(retryDelay(1, () => 1)).toBe(1_200);
});
