import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { BridgeError } from "#bridge";
import { systemClock } from "../../src/clock.ts";
import { createGuardedFetch } from "../../src/net/guarded-fetch.ts";
import { certificate, fetchWith, startServer } from "./web-server.ts";

const allow = ["host.test"];
const at = (port: number, path = "/") => `http://host.test:${port}${path}`;

describe("the guarded fetch", () => {
  test("gives status, headers and body of an answer", async () => {
    const { port, asked } = await startServer((_, response) =>
      response.writeHead(201, { "content-type": "application/json", "x-two": ["a", "b"] }).end('{"ok":true}'),
    );
    const answer = await fetchWith({ allow })(at(port, "/a?b=c"), { headers: { authorization: "Bearer t" } });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("x-two")).toBe("a, b");
    expect(await answer.json()).toEqual({ ok: true });
    expect(asked[0]).toMatchObject({ method: "GET", path: "/a?b=c", headers: { authorization: "Bearer t" } });
  });

  test("speaks TLS and takes no certificate for another name", async () => {
    const { cert, key } = await certificate();
    const { port } = await startServer((_, response) => response.end("safe"), { cert, key });
    const fetch = fetchWith({ allow: ["a.web.test", "other.test"], ca: cert });
    expect(await (await fetch(`https://a.web.test:${port}/`)).text()).toBe("safe");
    await expect(fetch(`https://other.test:${port}/`)).rejects.toThrow(/^the request failed: ERR_TLS_CERT/);
  });

  test.each([
    ["text", "grüß", { body: "grüß", type: "text/plain;charset=UTF-8", length: "6" }],
    ["bytes", Buffer.from("bytes"), { body: "bytes", type: undefined, length: "5" }],
    [
      "a form",
      new URLSearchParams({ a: "1 2" }),
      { body: "a=1+2", type: "application/x-www-form-urlencoded;charset=UTF-8", length: undefined },
    ],
    ["a blob", new Blob(["blob"], { type: "image/png" }), { body: "blob", type: "image/png", length: "4" }],
    ["a stream", new Blob(["stream"]).stream(), { body: "stream", type: undefined, length: undefined }],
  ])("sends %s", async (_, body, expected) => {
    const { port, asked } = await startServer((_asked, response) => response.end());
    await fetchWith({ allow })(at(port), { method: "post", body });
    const [one] = asked;
    expect(one?.method).toBe("POST");
    expect({ body: one?.body, type: one?.headers["content-type"], length: one?.headers["content-length"] }).toEqual(
      expected,
    );
  });

  test("uses one connection again and again", async () => {
    const { port, connections } = await startServer((_, response) => response.end("x"));
    const fetch = fetchWith({ allow });
    for (let round = 0; round < 5; round++) await (await fetch(at(port))).text();
    expect(connections()).toBe(1);
  });

  test("asks again on a new connection when a kept one turns out to be dead, but only what may be repeated", async () => {
    let deaf = false;
    const { port, asked } = await startServer((_, response) => {
      if (!deaf) return response.end("x");
      deaf = false;
      response.socket?.resetAndDestroy();
    });
    const fetch = fetchWith({ allow });
    await (await fetch(at(port))).text();
    deaf = true;
    expect(await (await fetch(at(port, "/again"))).text()).toBe("x");
    deaf = true;
    await expect(fetch(at(port), { method: "POST", body: "once" })).rejects.toThrow(TypeError);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /",
      "GET /again",
      "GET /again",
      "POST /",
    ]);
  });

  test.each([
    [301, "GET", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [307, "POST", "POST", "again"],
    [308, "PUT", "PUT", "again"],
  ])("follows a redirect %i of a %s with a %s", async (status, method, next, body) => {
    const { port, asked } = await startServer((request, response) =>
      request.path === "/" ? response.writeHead(status, { location: "/next" }).end() : response.end("there"),
    );
    const sent = method === "GET" ? {} : { body: "again" };
    const answer = await fetchWith({ allow })(at(port), { method, headers: { authorization: "a" }, ...sent });
    expect(await answer.text()).toBe("there");
    expect(asked[1]).toMatchObject({ method: next, path: "/next", body, headers: { authorization: "a" } });
  });

  test("shows a redirect, or refuses it, to those who want that", async () => {
    const { port } = await startServer((_, response) => response.writeHead(302, { location: "/next" }).end());
    const fetch = fetchWith({ allow });
    const shown = await fetch(at(port), { redirect: "manual" });
    expect([shown.status, shown.headers.get("location")]).toEqual([302, "/next"]);
    await expect(fetch(at(port), { redirect: "error" })).rejects.toThrow("the answer is a redirect");
  });

  test.each([
    ["gzip", gzipSync("packed")],
    ["br", brotliCompressSync("packed")],
  ])("unpacks %s, though it does not ask for it", async (encoding, bytes) => {
    const { port, asked } = await startServer((_, response) =>
      response.writeHead(200, { "content-encoding": encoding, "content-length": bytes.length }).end(bytes),
    );
    const answer = await fetchWith({ allow })(at(port));
    expect(await answer.text()).toBe("packed");
    expect([answer.headers.get("content-encoding"), answer.headers.get("content-length")]).toEqual([null, null]);
    expect(asked[0]?.headers["accept-encoding"]).toBe("identity");
  });

  test("has no body for HEAD and 204", async () => {
    const { port } = await startServer((_, response) => response.writeHead(204).end());
    const fetch = fetchWith({ allow });
    expect((await fetch(at(port), { method: "HEAD" })).body).toBeNull();
    expect((await fetch(at(port))).body).toBeNull();
  });

  test("streams: the head comes before the body is there, and the body waits for its reader", async () => {
    let finish = () => {};
    const { port } = await startServer((_, response) => {
      response.write("first ");
      finish = () => void response.end("last");
    });
    const { body } = await fetchWith({ allow })(at(port));
    const reader = (body ?? new Blob([]).stream()).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("first ");
    finish();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("last");
    expect((await reader.read()).done).toBe(true);
  });

  test.each([
    ["gives up", { status: 200, bytes: 300_000 }, async (answer: Response) => answer.body?.cancel()],
    ["never asks", { status: 404, bytes: 100 }, async (answer: Response) => answer.body?.cancel()],
    [
      "gets too much",
      { status: 200, bytes: 300_000 },
      async (answer: Response) => answer.text().catch(() => undefined),
    ],
  ])("goes on in peace when the reader of a body %s", async (_, { status, bytes }, read) => {
    const { port } = await startServer((_asked, response) => response.writeHead(status).end("x".repeat(bytes)));
    const fetch = fetchWith({ allow });
    // Nothing may be thrown later: it would end the process.
    for (let round = 0; round < 20; round++) await read(await fetch(at(port), { maxBytes: 200_000 }));
    expect(await (await fetch(at(port), { maxBytes: 400_000 })).text()).toHaveLength(bytes);
  });

  test("ends with the signal's reason, before the head and in the body", async () => {
    const { port } = await startServer((request, response) => {
      if (request.path === "/body") response.write("begin");
    });
    const fetch = fetchWith({ allow });
    const abort = new AbortController();
    const head = fetch(at(port), { signal: abort.signal });
    const body = (await fetch(at(port, "/body"), { signal: abort.signal })).text();
    abort.abort(new Error("enough"));
    await expect(head).rejects.toThrow("enough");
    await expect(body).rejects.toThrow("enough");
    await expect(fetch(at(port), { signal: abort.signal })).rejects.toThrow("enough");
  });

  test("is a TypeError when the network fails", async () => {
    const { port } = await startServer((request, response) => {
      if (request.path === "/body") response.writeHead(200, { "content-length": 100 }).write("x");
      setTimeout(() => response.socket?.destroy(), 20);
    });
    const fetch = fetchWith({ allow });
    await expect(fetch(at(port))).rejects.toThrow(TypeError);
    await expect((await fetch(at(port, "/body"))).text()).rejects.toThrow(TypeError);
    await expect(fetch(at(1))).rejects.toThrow("the request failed: ECONNREFUSED");
    await expect(fetchWith({ allow, resolve: async () => [] })(at(port))).rejects.toThrow(TypeError);
    await expect(fetch("no url")).rejects.toThrow(TypeError);
  });

  test("waits no longer than its timeout for the head, redirects included, and as long as it takes for the body", async () => {
    const { port } = await startServer((request, response) => {
      if (request.path === "/slow-body") response.write("x");
      setTimeout(() => response.writeHead(request.path === "/hop" ? 302 : 200, { location: "/hop" }).end("y"), 80);
      if (request.path === "/slow-body") setTimeout(() => response.end("y"), 160);
    });
    const fetch = fetchWith({ allow });
    await expect(fetch(at(port, "/hop"), { timeout: 120 })).rejects.toThrow("did not answer within 120 ms");
    await expect(fetch(at(port, "/"), { timeout: Number.POSITIVE_INFINITY })).resolves.toMatchObject({ status: 200 });
  });

  test("finds the operator's own hosts as the machine does, /etc/hosts included", async () => {
    const { port } = await startServer((_, response) => response.end("own"));
    const net = createGuardedFetch({ allow: ["localhost"], timers: systemClock });
    expect(await (await net.fetch(`http://localhost:${port}/`)).text()).toBe("own");
    net.close();
  });

  test("refuses in words that a user can read", async () => {
    const error = await fetchWith()("http://host.test/").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BridgeError);
    expect(error).toMatchObject({
      kind: "reject",
      condition: "not-allowed",
      message: "This gateway does not connect to host.test: only https links are followed.",
    });
  });
});
