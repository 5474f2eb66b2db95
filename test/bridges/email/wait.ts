import { setTimeout as sleep } from "node:timers/promises";

/** Polls until the check holds; an error that names it after `ms`. */
export async function until(what: string, check: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await sleep(10);
  }
}
