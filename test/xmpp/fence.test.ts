import { expect, it } from "vitest";
import { Fence } from "../../src/xmpp/fence.ts";
import { createTestClock, settle } from "../kit/clock.ts";

const setUp = (options: { every?: number; window?: number } = {}) => {
  const clock = createTestClock();
  const pings: { answer: () => void; fail: (error: Error) => void }[] = [];
  const fenced: number[] = [];
  const lost: number[] = [];
  const fence = new Fence<number>({
    ping: () => new Promise((answer, fail) => pings.push({ answer, fail })),
    onFenced: (tokens) => fenced.push(...tokens),
    onLost: (tokens) => lost.push(...tokens),
    clock,
    ...options,
  });
  return { clock, pings, fenced, lost, fence };
};

it("pings after every 16th write and reports these, not later ones, when the answer comes", async () => {
  const { fence, pings, fenced } = setUp();
  for (let i = 0; i < 20; i++) fence.add(i);
  expect(pings).toHaveLength(1);
  expect(fence.room).toBe(12);
  pings[0]?.answer();
  await settle(1);
  expect(fenced).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  expect(fence.room).toBe(28);
});

it("pings 20 ms after the first write that no ping follows", async () => {
  const { fence, pings, fenced, clock } = setUp();
  fence.add(1);
  await clock.advance(10);
  fence.add(2);
  await clock.advance(9);
  expect(pings).toHaveLength(0);
  await clock.advance(1);
  expect(pings).toHaveLength(1);
  pings[0]?.answer();
  await clock.advance(1000);
  expect(fenced).toEqual([1, 2]);
  expect(pings).toHaveLength(1);
  expect(clock.waiting).toBe(0);
});

it("an answer vouches for everything before it", async () => {
  const { fence, pings, fenced } = setUp({ every: 2 });
  for (let i = 0; i < 6; i++) fence.add(i);
  pings[1]?.answer();
  await settle(1);
  expect(fenced).toEqual([0, 1, 2, 3]);
  pings[0]?.answer();
  await settle(1);
  expect(fenced).toEqual([0, 1, 2, 3]);
  pings[2]?.answer();
  await settle(1);
  expect(fenced).toEqual([0, 1, 2, 3, 4, 5]);
});

it("gives room again when the window moves on", async () => {
  const { fence, pings } = setUp({ every: 2, window: 4 });
  for (let i = 0; i < 4; i++) fence.add(i);
  expect(fence.room).toBe(0);
  let free = false;
  const wait = fence.waitForRoom().then(() => {
    free = true;
  });
  await settle(1);
  expect(free).toBe(false);
  pings[0]?.answer();
  await wait;
  expect(fence.room).toBe(2);
});

it("a window smaller than the ping interval still moves on", () => {
  const { fence, pings } = setUp({ every: 16, window: 3 });
  for (let i = 0; i < 3; i++) fence.add(i);
  expect(pings).toHaveLength(1);
});

it("a stream that is lost loses all that was not answered, oldest first, once", async () => {
  const { fence, pings, fenced, lost, clock } = setUp({ every: 2, window: 5 });
  for (let i = 0; i < 5; i++) fence.add(i);
  pings[0]?.answer();
  await settle(1);
  fence.add(5);
  fence.add(6);
  const wait = fence.waitForRoom();
  fence.reset(new Error("gone"));
  await expect(wait).rejects.toThrow("gone");
  expect(fenced).toEqual([0, 1]);
  expect(lost).toEqual([2, 3, 4, 5, 6]);
  pings[1]?.answer();
  pings[2]?.fail(new Error("gone"));
  await clock.advance(1000);
  expect(fenced).toEqual([0, 1]);
  expect(lost).toEqual([2, 3, 4, 5, 6]);
  expect(fence.room).toBe(5);
});

it("a ping without an answer loses its own writes only", async () => {
  const { fence, pings, fenced, lost } = setUp({ every: 2 });
  for (let i = 0; i < 4; i++) fence.add(i);
  pings[0]?.fail(new Error("timeout"));
  await settle(1);
  pings[1]?.answer();
  await settle(1);
  expect(lost).toEqual([0, 1]);
  expect(fenced).toEqual([2, 3]);
  expect(fence.room).toBe(32);
});
