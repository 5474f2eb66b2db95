import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { MimePool, type MimePoolOptions } from "../../../bridges/email/mime-pool.ts";
import { fromBob, fromImap, only, self } from "./mails.ts";

const pools: MimePool[] = [];

function pool(options: MimePoolOptions = {}): MimePool {
  const made = new MimePool(options);
  pools.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((made) => made.close()));
});

/** A mail that keeps the parser busy for longer than the test allows it. */
const slow = fromBob(["Content-Type: text/html"], [`${"<div>x</div><p>y</p>".repeat(40_000)}`]);

const poolFile = new URL("../../../bridges/email/mime-pool.ts", import.meta.url);
const reader = `
  import { MimePool } from ${JSON.stringify(poolFile)};
  const pool = new MimePool({ taskMs: 2000, workers: 1 });
  const about = { source: "lmtp", receivedAt: 0 };
  await pool.open(Buffer.from("From: b@example.com\\n\\nwarm"), about, "a@example.org");
  const opening = pool.open(Buffer.from("From: b@example.com\\n\\n" + "x\\n".repeat(40_000)), about, "a@example.org");
  console.log("reading");
  console.log((await opening)[0].text.split("\\n")[0]);
  await pool.close();
`;

describe("MimePool", () => {
  it("starts no worker before the first mail", async () => {
    const made = pool();
    expect(made.size).toBe(0);
    expect(only(await made.open(fromBob([], ["Hi"]), fromImap, self)).text).toBe("Hi");
    expect(made.size).toBe(1);
  });

  it("ends its workers when there is nothing to do, and starts again", async () => {
    const made = pool({ idleMs: 50 });
    await made.open(fromBob([], ["Hi"]), fromImap, self);
    await expect.poll(() => made.size).toBe(0);
    expect(only(await made.open(fromBob([], ["Ho"]), fromImap, self)).text).toBe("Ho");
  });

  it("opens many mails, each as itself, with two workers at most", async () => {
    const made = pool();
    const events = await Promise.all(
      Array.from({ length: 50 }, (_, index) => made.open(fromBob([], [`Mail ${index}`]), fromImap, self)),
    );
    expect(events.map((event) => only(event).text)).toEqual(Array.from({ length: 50 }, (_, index) => `Mail ${index}`));
    expect(made.size).toBeLessThanOrEqual(2);
  });

  it("takes a file out of a mail, and nothing where there is none or the mail cannot be parsed", async () => {
    const made = pool();
    const raw = fromBob(["Content-Type: application/pdf; name=a.pdf", "Content-Transfer-Encoding: base64"], ["UERG"]);
    expect(await made.file(raw, 0)).toEqual({ type: "application/pdf", bytes: new Uint8Array(Buffer.from("PDF")) });
    expect(await made.file(raw, 1)).toBeUndefined();
    const bomb = fromBob(['Content-Type: multipart/mixed; boundary="b"'], Array(5_000).fill("--b\r\n"));
    expect(await made.file(bomb, 0)).toBeUndefined();
  });

  it("E21: ends a worker that takes too long, and makes a notice of the mail", async () => {
    const made = pool({ taskMs: 20, workers: 1 });
    const notice = only(await made.open(slow, fromImap, self));
    expect(notice.text).toMatch(
      /^\[A mail from Bob <bob@example\.com>, "Lunch", sent 2026-10-31 10:00 UTC, 800 kB, could not be shown because reading it takes too long\. It is still in your mailbox\.\]$/,
    );
    expect([notice.id, notice.from, notice.automatic]).toEqual(["<1@example.com>", "bob@example.com", false]);
    expect(await made.full(slow)).toBe("[The text could not be read because reading it takes too long.]");
  });

  it("goes on with the mails that wait behind such a one", async () => {
    const made = pool({ taskMs: 1000, workers: 1 });
    const slower = fromBob([], ["x\r\n".repeat(1_000_000)]);
    const [notice, after] = await Promise.all([
      made.open(slower, fromImap, self),
      made.open(fromBob([], ["after"]), fromImap, self),
    ]);
    expect(only(notice).text).toContain("could not be shown because reading it takes too long");
    expect(only(after).text).toBe("after");
  });

  it("does not blame a mail for a pause of the whole machine", async () => {
    // A process of its own, stopped while it reads a mail that takes a moment.
    const child = spawn(process.execPath, ["--input-type=module", "--eval", reader], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("reading");
    await setTimeout(50);
    child.kill("SIGSTOP");
    await setTimeout(2300);
    child.kill("SIGCONT");
    expect((await lines.next()).value).toBe("x");
    await once(child, "exit");
  });

  it("E21: survives a worker that runs out of memory", async () => {
    const made = pool({ heapMb: 24, workers: 1 });
    const event = only(
      await made.open(fromBob(["Content-Type: text/html"], ["<a href=x>y</a>".repeat(60_000)]), fromImap, self),
    );
    expect(event.text).toContain("could not be shown because reading it takes too much memory");
    expect(only(await made.open(fromBob([], ["after"]), fromImap, self)).text).toBe("after");
  });

  it("leaves the bytes it is given alone", async () => {
    const raw = fromBob([], ["Hi"]);
    const copy = Buffer.from(raw);
    await pool().open(raw, fromImap, self);
    expect(raw.equals(copy)).toBe(true);
  });

  it("rejects what waits when it is closed, so that the mail stays where it is", async () => {
    const made = pool();
    const waiting = made.open(fromBob([], ["Hi"]), fromImap, self);
    const outcome = expect(waiting).rejects.toThrow("the mail parser was closed");
    await made.close();
    await outcome;
    await expect(made.open(fromBob([], ["Hi"]), fromImap, self)).rejects.toThrow("the mail parser was closed");
    expect(made.size).toBe(0);
  });

  it("gives the full text of a mail", async () => {
    expect(await pool().full(fromBob([], ["Hi", "-- ", "Bob"]))).toContain("Hi\n-- \nBob");
  });
});
