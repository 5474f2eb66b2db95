import { expect, it } from "vitest";
import { Fence } from "../../src/xmpp/fence.ts";
import { settle } from "../kit/clock.ts";

const setUp = (options: { every?: number; window?: number } = {}) => {
  const pings: { answer: () => void; fail: (error: Error) => void }[] = [];
  const fenced: number[] = [];
  const lost: number[] = [];
  const fence = new Fence<number>({
    ping: () => new Promise((answer, fail) => pings.push({ answer, fail })),
    onFenced: (tokens) => fenced.push(...tokens),
    onLost: (tokens) => lost.push(...tokens),
    ...options,
  });
  const add = (...tokens: readonly number[]) => {
    for (const token of tokens) fence.add(token);
  };
  const answer = async (index: number) => {
    pings[index]?.answer();
    await settle(1);
  };
  return { pings, fenced, lost, fence, add, answer };
};

it("pings right behind a write that finds the stream quiet", async () => {
  const { add, answer, pings, fenced } = setUp();
  add(1);
  expect(pings).toHaveLength(1);
  await answer(0);
  expect(fenced).toEqual([1]);
  expect(pings).toHaveLength(1);
});

it("pings behind what was written meanwhile when an answer comes, and reports these writes, not later ones", async () => {
  const { add, answer, fence, pings, fenced } = setUp();
  add(0, 1, 2, 3);
  expect(pings).toHaveLength(1);
  await answer(0);
  expect(fenced).toEqual([0]);
  expect(pings).toHaveLength(2);
  add(4);
  expect(fence.room).toBe(28);
  await answer(1);
  expect(fenced).toEqual([0, 1, 2, 3]);
  await answer(2);
  expect(fenced).toEqual([0, 1, 2, 3, 4]);
  expect(pings).toHaveLength(3);
  expect(fence.room).toBe(32);
});

it("pings behind every 16th write, however late the answers are", () => {
  const { add, pings, fence } = setUp();
  add(...Array(16).keys());
  expect(pings).toHaveLength(1);
  add(16);
  expect(pings).toHaveLength(2);
  expect(fence.room).toBe(15);
});

it("an answer vouches for everything before it", async () => {
  const { add, answer, fenced } = setUp({ every: 2 });
  add(0, 1, 2, 3, 4);
  await answer(1);
  expect(fenced).toEqual([0, 1, 2]);
  await answer(0);
  expect(fenced).toEqual([0, 1, 2]);
  await answer(2);
  expect(fenced).toEqual([0, 1, 2, 3, 4]);
});

it("gives room again when the window moves on", async () => {
  const { add, answer, fence } = setUp({ every: 2, window: 4 });
  add(0, 1, 2, 3);
  expect(fence.room).toBe(0);
  await answer(0);
  expect(fence.room).toBe(1);
  await answer(1);
  expect(fence.room).toBe(3);
});

it("a window smaller than the ping interval still moves on", async () => {
  const { add, answer, fence } = setUp({ every: 16, window: 3 });
  add(0, 1, 2);
  await answer(0);
  await answer(1);
  expect(fence.room).toBe(3);
});

it("a stream that is lost loses all that was not answered, oldest first, once", async () => {
  const { add, answer, fence, pings, fenced, lost } = setUp({ every: 2, window: 6 });
  add(0, 1, 2, 3, 4);
  await answer(0);
  add(5);
  fence.reset(new Error("gone"));
  expect(fenced).toEqual([0]);
  expect(lost).toEqual([1, 2, 3, 4, 5]);
  await answer(1);
  pings[2]?.fail(new Error("gone"));
  await settle(1);
  expect(fenced).toEqual([0]);
  expect(lost).toEqual([1, 2, 3, 4, 5]);
  expect(fence.room).toBe(6);
});

it("a ping without an answer loses its own writes only", async () => {
  const { add, answer, fence, pings, fenced, lost } = setUp({ every: 2 });
  add(0, 1, 2);
  pings[0]?.fail(new Error("timeout"));
  await settle(1);
  await answer(1);
  expect(lost).toEqual([0]);
  expect(fenced).toEqual([1, 2]);
  expect(fence.room).toBe(32);
});

it("is quiet when everything has its answer, or the stream is gone", async () => {
  const { add, answer, fence } = setUp({ every: 2 });
  await fence.quiet();
  let quiet = 0;
  const wait = () => void fence.quiet().then(() => quiet++);
  add(0, 1);
  wait();
  await answer(0);
  expect(quiet).toBe(0);
  await answer(1);
  expect(quiet).toBe(1);
  add(2);
  wait();
  fence.reset(new Error("gone"));
  await settle(1);
  expect(quiet).toBe(2);
});
