import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RateLimit } from "../../src/gateway/rate.ts";
import { createTestClock } from "../kit/clock.ts";

describe("the rate limit", () => {
  test("lets a burst through, then one at a time, and says how long to wait", async () => {
    const clock = createTestClock();
    const rate = new RateLimit(clock, 60, 3);
    expect([rate.take("alice"), rate.take("alice"), rate.take("alice")]).toEqual([0, 0, 0]);
    expect(rate.take("alice")).toBe(1_000);
    await clock.advance(400);
    expect(rate.take("alice")).toBe(600);
    await clock.advance(600);
    expect(rate.take("alice")).toBe(0);
    expect(rate.take("alice")).toBe(1_000);
  });

  test("of one user is not another's", () => {
    const rate = new RateLimit(createTestClock(), 60, 1);
    expect(rate.take("alice")).toBe(0);
    expect(rate.take("alice")).toBeGreaterThan(0);
    expect(rate.take("bob")).toBe(0);
  });

  test("never saves up more than a burst", async () => {
    const clock = createTestClock();
    const rate = new RateLimit(clock, 60, 2);
    rate.take("alice");
    await clock.advance(86_400_000);
    expect([rate.take("alice"), rate.take("alice")]).toEqual([0, 0]);
    expect(rate.take("alice")).toBe(1_000);
  });

  test("does not give anything for a clock that was set back", () => {
    const clock = createTestClock();
    const rate = new RateLimit(clock, 60, 1);
    rate.take("alice");
    clock.jump(-86_400_000);
    expect(rate.take("alice")).toBe(1_000);
  });

  test("lets through no more than the burst and the rate allow, however the tries come", async () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(gaps, fc.integer({ min: 1, max: 10 }), async (list, burst) => {
        const clock = createTestClock();
        const rate = new RateLimit(clock, 60, burst);
        const started = clock.now();
        let through = 0;
        for (const gap of list) {
          clock.jump(gap);
          const wait = rate.take("alice");
          if (wait === 0) through++;
          else expect(wait).toBeLessThanOrEqual(1_000);
          expect(through).toBeLessThanOrEqual(burst + (clock.now() - started) / 1_000 + 1e-6);
        }
      }),
    );
  });

  test("keeps no more than 10,000 users in memory: the oldest begin anew", () => {
    const rate = new RateLimit(createTestClock(), 60, 1);
    rate.take("first");
    for (let user = 0; user < 10_000; user++) rate.take(`u${user}`);
    expect(rate.take("u9999")).toBe(1_000);
    expect(rate.take("first")).toBe(0);
  });
});
