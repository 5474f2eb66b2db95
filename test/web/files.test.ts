import { describe, expect, test } from "vitest";
import { BridgeError, type FileContent, type FileRange } from "#bridge";
import { bytes, missing, startWebServer, textFile } from "./web-setup.ts";

describe("a link to a file", () => {
  test("gives the file, as a browser may show it", async () => {
    const { share, get } = await startWebServer({ files: textFile("0123456789") });
    expect(await get(await share("Katze mit Hut.png"))).toMatchObject({
      status: 200,
      body: "0123456789",
      headers: {
        "content-type": "image/png",
        "content-length": "10",
        "content-disposition": `inline; filename="Katze mit Hut.png"; filename*=UTF-8''Katze%20mit%20Hut.png`,
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
      },
    });
  });

  test.each([
    ["bytes=2-4", "234", "bytes 2-4/10", { start: 2, end: 4 }],
    ["bytes=7-", "789", "bytes 7-9/10", { start: 7, end: undefined }],
    ["bytes=8-99", "89", "bytes 8-9/10", { start: 8, end: 99 }],
  ])("gives the part %s", async (range, body, extent, asked) => {
    const ranges: (FileRange | undefined)[] = [];
    const file = textFile("0123456789");
    const { share, get } = await startWebServer({
      files: {
        open(source, wanted, signal) {
          ranges.push(wanted);
          return file.open(source, wanted, signal);
        },
      },
    });
    expect(await get(await share(), { range })).toMatchObject({
      status: 206,
      body,
      headers: { "content-range": extent, "content-length": String(body.length) },
    });
    expect(ranges).toEqual([asked]);
  });

  test("gives a file out of stored bytes, whole and in parts, whether the account is connected or not", async () => {
    const { shareStored, get } = await startWebServer();
    const path = await shareStored(`head\n${"0123456789".repeat(20_000)}`, 5);
    const whole = await get(path);
    expect([whole.status, whole.headers["content-length"], whole.body]).toEqual([
      200,
      "200000",
      "0123456789".repeat(20_000),
    ]);
    expect(await get(path, { range: "bytes=199998-" })).toMatchObject({
      status: 206,
      body: "89",
      headers: { "content-range": "bytes 199998-199999/200000" },
    });
    expect((await get(path, { range: "bytes=200000-" })).status).toBe(416);
    expect(await get(path, {}, "HEAD")).toMatchObject({
      status: 200,
      body: "",
      headers: { "content-length": "200000" },
    });
    expect((await get(await shareStored("short", 99))).status).toBe(404);
  });

  test("gives the whole file where the network has no parts, or the part cannot be understood", async () => {
    const whole = await startWebServer({
      files: { open: async () => ({ type: "image/png", size: 3, body: bytes("abc") }) },
    });
    expect(await whole.get(await whole.share(), { range: "bytes=1-1" })).toMatchObject({ status: 200, body: "abc" });
    const parts = await startWebServer({ files: textFile("abc") });
    for (const range of [
      "bytes=0-0,2-2",
      "bytes=-1",
      "bytes=2-1",
      "lines=1-1",
      "bytes=a-b",
      `bytes=${"9".repeat(30)}-`,
    ])
      expect(await parts.get(await parts.share(), { range })).toMatchObject({ status: 200, body: "abc" });
    expect(await parts.get(await parts.share(), { range: "bytes=1-1", "if-range": '"x"' })).toMatchObject({
      body: "abc",
    });
  });

  test("says where the file ends to who begins behind it", async () => {
    const { share, get } = await startWebServer({ files: textFile("abc") });
    expect(await get(await share(), { range: "bytes=3-" })).toMatchObject({
      status: 416,
      body: "",
      headers: { "content-range": "bytes */3" },
    });
  });

  test("answers HEAD with the size, without reading the file", async () => {
    let cancelled = 0;
    const { share, get } = await startWebServer({
      files: {
        async open(_, range) {
          expect(range).toEqual({ start: 0, end: 0 });
          const body = new ReadableStream<Uint8Array>({ cancel: () => void cancelled++ });
          return { type: "image/png", size: 1_000_000, range: { start: 0, end: 0 }, body };
        },
      },
    });
    expect(await get(await share(), { range: "bytes=5-6" }, "HEAD")).toMatchObject({
      status: 200,
      body: "",
      headers: { "content-length": "1000000", "content-type": "image/png" },
    });
    expect(cancelled).toBe(1);
  });

  test("sends a file of unknown size", async () => {
    const { share, get } = await startWebServer({
      files: { open: async () => ({ type: "image/png", body: bytes("as it comes") }) },
    });
    expect(await get(await share())).toMatchObject({ status: 200, body: "as it comes" });
  });

  test("asks for patience while the account is not connected, or the network does not answer", async () => {
    const offline = await startWebServer();
    expect(await offline.get(await offline.share())).toMatchObject({ status: 503, headers: { "retry-after": "30" } });
    const { share, get } = await startWebServer({
      files: {
        async open() {
          throw new BridgeError("retry", "Not now.");
        },
      },
    });
    expect((await get(await share())).status).toBe(503);
  });

  test("does not wait for a bridge that neither answers nor heeds the signal, once its reader is gone", async () => {
    let opened = () => {};
    const asked = new Promise<void>((resolve) => {
      opened = resolve;
    });
    let answer = (_: FileContent) => {};
    const { share, port, get, log } = await startWebServer({
      files: {
        open() {
          opened();
          return new Promise((resolve) => {
            answer = resolve;
          });
        },
      },
    });
    const path = await share();
    const abort = new AbortController();
    const gone = fetch(`http://127.0.0.1:${port}${path}`, { signal: abort.signal });
    await asked;
    abort.abort();
    await expect(gone).rejects.toThrow();
    const cancelled = new Promise<void>((resolve) => {
      const body = new ReadableStream<Uint8Array>({ cancel: () => resolve() });
      // The reader's going away takes a moment to be seen.
      setTimeout(() => answer({ type: "image/png", body }), 50);
    });
    await cancelled;
    expect((await get("/none")).status).toBe(404);
    expect(log.lines).toEqual([]);
  });

  test("is not found when the network does not have the file any more", async () => {
    const { share, get } = await startWebServer({ files: missing });
    expect(await get(await share())).toMatchObject({ status: 404, body: "not found\n" });
  });

  test("ends the reading when its reader goes away", async () => {
    let cancelled = () => {};
    const ended = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    const { share, port } = await startWebServer({
      files: {
        async open() {
          const body = new ReadableStream<Uint8Array>({
            pull: (controller) => controller.enqueue(Buffer.alloc(64 * 1024)),
            cancel: () => cancelled(),
          });
          return { type: "image/png", body };
        },
      },
    });
    const abort = new AbortController();
    const answer = await fetch(`http://127.0.0.1:${port}${await share()}`, { signal: abort.signal });
    await answer.body?.getReader().read();
    abort.abort();
    await ended;
  });
});
