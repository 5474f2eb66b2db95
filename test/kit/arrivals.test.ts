// `next` and the error messages are in xmpp-client.test.ts.
import { expect, test } from "vitest";
import { createArrivals } from "./arrivals.ts";

const arrivals = () => createArrivals<number>({ name: "ann", show: String });

test("until resolves with the first truthy value, tried at once and after each arrival, and consumes nothing", async () => {
  const { all, receive, next, until } = arrivals();
  const twice = until(() => all.length >= 2 && `${all.length} came`);
  receive(1);
  receive(2);
  receive(3);
  expect(await twice).toBe("2 came");
  expect(await until(() => all.length)).toBe(3);
  expect(await next()).toBe(1);
});

test("until says what did come when the time is over", async () => {
  const { receive, until } = arrivals();
  receive(7);
  const never = until(() => false, { timeoutMs: 10, what: "a miracle" });
  await expect(never).rejects.toThrow(/^ann: nothing matched within 10 ms while waiting for a miracle.*\n {4}7$/s);
});
