// The web server among strangers (security.md H03 to H10, M19).
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { bytes, publicUrl, startWebServer, textFile, type Web } from "../web/web-setup.ts";

const notFound = { status: 404, body: "not found\n" };
const endless = {
  async open() {
    const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(Buffer.alloc(64 * 1024)) });
    return { type: "image/png", body };
  },
};

describe("H03: no path of a request leads to a file of ours", () => {
  test.each([
    "/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd/x",
    "/files/../../etc/passwd",
    "/files/..%2f..%2fetc/passwd",
    "/files/%252e%252e%252f/passwd",
    "/files/%00/x",
    "/files//etc/passwd",
    "/files/..\\..\\etc/passwd",
    "/files/%5c..%5cetc/x",
    "/files/C:%5cwindows/x",
    "/files/__proto__/constructor",
    "/files/%ff%fe/x",
    "/files/%/x",
    "/..%2f..%2fetc/passwd",
    "/files/",
    "/files",
    "/",
    "//",
    "/health/../files",
    `/files/${"a".repeat(8_000)}/x`,
  ])("%s is not found", async (path) => {
    const { port } = await startWebServer({ files: textFile("secret") });
    const answer = await talk(port, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 40[04] /);
    expect(answer).not.toContain("secret");
  });

  test("nor do an absolute URL and another method", async () => {
    const { port, share, get } = await startWebServer({ files: textFile("secret") });
    const path = await share();
    const answer = await talk(
      port,
      `GET http://files.example.org/../etc HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    );
    expect(answer).toContain("HTTP/1.1 404 ");
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"]) {
      expect(await get(path, {}, method), method).toMatchObject(notFound);
    }
  });

  test("the name at the end of a link leads nowhere: any name gives the file", async () => {
    const { share, get } = await startWebServer({ files: textFile("the file") });
    const path = (await share("cat.png")).replace(/cat\.png$/, "%2e%2e%2f%2e%2e%2fetc%2fpasswd");
    const got = await get(path);
    expect(got).toMatchObject({ status: 200, body: "the file" });
    expect(got.headers["content-disposition"]).toContain('filename="cat.png"');
  });
});

describe("H04, H09: a file that a browser could run is only saved", () => {
  test.each([
    "text/html",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/javascript",
    "application/pdf",
    "text/xml",
    "IMAGE/PNG",
    " image/png",
    "image/png ",
    "image/png\t",
    "image/png; charset=utf-7",
    "image/png, text/html",
    "image/png\r\nx-injected: 1",
    "__proto__",
    "",
    "video/mp4\u0000",
  ])("%j", async (type) => {
    const { share, get } = await startWebServer({ files: textFile("<script>alert(1)</script>", type) });
    const { status, headers } = await get(await share("page.html"));
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="page.html"; filename*=UTF-8''page.html`,
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    });
    expect(headers["x-injected"]).toBeUndefined();
  });

  test.each([
    ['a".html', `filename="a_.html"; filename*=UTF-8''a%22.html`],
    ["a\r\nset-cookie: b=1", `filename="a__set-cookie: b=1"; filename*=UTF-8''a__set-cookie%3A%20b%3D1`],
    ["../../.bashrc", `filename=".._.._.bashrc"; filename*=UTF-8''.._.._.bashrc`],
    ["gpj.\u202eexe", `filename="gpj._exe"; filename*=UTF-8''gpj._exe`],
    ["\ud83d", `filename="_"; filename*=UTF-8''%EF%BF%BD`],
    ["naïve'*.txt", `filename="na_ve'*.txt"; filename*=UTF-8''na%C3%AFve%27%2a.txt`],
  ])("the name %j stays a name", async (name, disposition) => {
    const { share, get } = await startWebServer({ files: textFile("x") });
    const { headers } = await get(await share(name));
    expect(headers["content-disposition"]).toBe(`inline; ${disposition}`);
    expect(headers["set-cookie"]).toBeUndefined();
  });
});

describe("H05: readers that take all they can", () => {
  test("1,000 slow readers of one link get eight downloads, and those of another link are served", async () => {
    const { share, port, get } = await startWebServer({ files: endless });
    const path = await share();
    const readers = Array.from({ length: 1_000 }, () => slowReader(port, path));
    const heads = await Promise.all(readers.map((reader) => reader.head));
    expect(count(heads)).toEqual({ "HTTP/1.1 200": 8, "HTTP/1.1 503": 992 });
    const other = await share("other.png");
    await eventually(async () => (await get(other, {}, "HEAD").catch(() => undefined))?.status === 200);
    for (const reader of readers) reader.end();
    await eventually(async () => (await get(path, {}, "HEAD")).status === 200);
  });

  test("at most 64 downloads run at once", async () => {
    const { share, port } = await startWebServer({ files: endless });
    const paths = await Promise.all(Array.from({ length: 100 }, () => share()));
    const readers = paths.map((path) => slowReader(port, path));
    expect(count(await Promise.all(readers.map((reader) => reader.head)))).toEqual({
      "HTTP/1.1 200": 64,
      "HTTP/1.1 503": 36,
    });
    for (const reader of readers) reader.end();
  });

  test("a reader that takes nothing is cut off", async () => {
    let cancelled = () => {};
    const ended = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    const { share, port } = await startWebServer({
      limits: { idleTimeout: 300 },
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
    expect(await slowReader(port, await share()).head).toBe("HTTP/1.1 200");
    await ended;
  });

  test("a file is not read faster than its reader takes it", async () => {
    let read = 0;
    const { share, port } = await startWebServer({
      files: {
        async open() {
          const body = new ReadableStream<Uint8Array>({
            pull(controller) {
              read += 64 * 1024;
              controller.enqueue(Buffer.alloc(64 * 1024));
            },
          });
          return { type: "image/png", body };
        },
      },
    });
    const reader = slowReader(port, await share());
    await reader.head;
    await sleep(500);
    expect(read).toBeLessThan(16 * 1024 * 1024);
    reader.end();
  });
});

describe("H05, H10: a network that lies about the length of a file", () => {
  test("cannot write the head of the next answer", async () => {
    const poison = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    const { share, port, get } = await startWebServer({
      files: { open: async () => ({ type: "image/png", size: 3, body: bytes(`abc${poison}`) }) },
    });
    const path = await share();
    const twice = `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\nGET /none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`;
    expect(await talk(port, twice)).not.toContain("poison");
    expect((await get("/none")).status).toBe(404);
  });

  test("cannot pass off half of a file as the whole", async () => {
    const { share, get } = await startWebServer({
      files: { open: async () => ({ type: "image/png", size: 300, body: bytes("abc") }) },
    });
    await expect(get(await share())).rejects.toThrow("socket hang up");
  });
});

describe("H06: guessing links", () => {
  test("every change of a link is the same 404, and costs the database nothing", async () => {
    let opened = 0;
    const file = textFile("secret");
    const { share, get } = await startWebServer({
      files: {
        open(...args) {
          opened++;
          return file.open(...args);
        },
      },
    });
    const path = await share();
    const [, , token = "", name] = path.split("/");
    const none = await get(`/files/x/${name}`);
    for (let position = 0; position < token.length; position++) {
      const other = token[position] === "a" ? "b" : "a";
      const changed = token.slice(0, position) + other + token.slice(position + 1);
      const got = await get(`/files/${changed}/${name}`);
      const headers = { ...got.headers, date: none.headers.date };
      expect({ ...got, headers }).toEqual(none);
    }
    for (const changed of [token.toUpperCase(), `${token}=`, `${token}a`, token.slice(0, -1), `${token} `, ` ${token}`])
      expect(await get(`/files/${encodeURIComponent(changed)}/${name}`)).toMatchObject(notFound);
    expect(opened).toBe(0);
    expect((await get(path)).status).toBe(200);
  });
});

describe("M19: a file of a private room has no public address", () => {
  test("a link stops working when it expires, without the database being asked", async () => {
    const { share, get } = await startWebServer({ files: textFile("private"), late: 3_600_000 + 2_000 });
    expect(await get(await share())).toMatchObject(notFound);
  });

  test("a link stops working at once when the user signs out", async () => {
    const { share, get, store } = await startWebServer({ files: textFile("private") });
    const path = await share();
    const others = await share("other.png", 2);
    expect((await get(path)).status).toBe(200);
    await store.accounts.remove(1);
    expect(await get(path)).toMatchObject(notFound);
    expect((await get(others)).status).toBe(200);
  });

  test("no visitor can name a file of their choice: only what came in a message has a link", async () => {
    const { get } = await startWebServer({ files: textFile("private") });
    for (const path of [
      "/files/mxc%3A%2F%2Fexample.org%2Fabc/x",
      "/_matrix/media/v3/download/example.org/abc",
      "/_matrix/client/v1/media/download/example.org/abc",
    ])
      expect(await get(path)).toMatchObject(notFound);
  });

  test("nothing keeps a copy, and no page learns the link", async () => {
    const { share, get, log } = await startWebServer({ files: textFile("private") });
    const { headers } = await get(await share());
    expect(headers).toMatchObject({ "cache-control": "private, no-store", "referrer-policy": "no-referrer" });
    expect(log.lines).toEqual([]);
  });
});

describe("H08: hosts and addresses that a request claims", () => {
  test("a bridge sees the configured host and no forwarded headers", async () => {
    const { mounts, get } = await startWebServer();
    const seen: unknown[] = [];
    mounts.mount("matrix", async (request) => {
      seen.push(
        request.url,
        [...request.headers.keys()].filter((name) => name !== "connection"),
      );
      return new Response();
    });
    await get("/bridges/matrix//evil.example/x?y", {
      host: "evil.example",
      forwarded: "for=1.2.3.4",
      "x-forwarded-for": "1.2.3.4",
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "https",
      "x-real-ip": "1.2.3.4",
      "x-original-url": "/admin",
    });
    expect(seen).toEqual([`${new URL(publicUrl).origin}//evil.example/x?y`, ["host"]]);
  });

  test("an answer does not depend on them", async () => {
    const { share, get } = await startWebServer({ files: textFile("x") });
    const path = await share();
    const plain = await get(path);
    const claimed = await get(path, {
      host: "evil.example",
      "x-forwarded-host": "evil.example",
      "x-rewrite-url": "/health",
    });
    expect({ ...claimed, headers: { ...claimed.headers, date: plain.headers.date } }).toEqual(plain);
  });
});

describe("H10: requests that are not meant to be answered", () => {
  test("a head of a megabyte is refused", async () => {
    const { port } = await startWebServer();
    const answer = await talk(port, `GET / HTTP/1.1\r\nhost: x\r\nx-large: ${"x".repeat(1_000_000)}\r\n\r\n`);
    expect(answer).toContain("HTTP/1.1 431 ");
  });

  test.each([
    ["two lengths", "POST /bridges/toy/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
    [
      "length and chunks",
      "POST /bridges/toy/x HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "an unknown coding",
      "POST /bridges/toy/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ],
    ["a folded header", "GET /health HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\n\u0000: c\r\n\r\n"],
    ["a space before the colon", "GET /health HTTP/1.1\r\nhost: x\r\ncontent-length : 5\r\n\r\n"],
    ["no host", "GET /health HTTP/1.1\r\n\r\n"],
    ["another protocol", "EHLO example.org\r\n\r\n"],
  ])("with %s they end the connection", async (_, request) => {
    const { port } = await startWebServer();
    expect(await talk(port, `${request}GET /health HTTP/1.1\r\nhost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 [^]*$/);
  });

  test("a head that comes a byte at a time is given up", async () => {
    const { port } = await startWebServer({ limits: { headTimeout: 300 } });
    const socket = connect(port, "127.0.0.1");
    const drip = setInterval(() => socket.write("x"), 50);
    let received = "";
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.write("GET / HTTP/1.1\r\nhost: x\r\nx-slow: ");
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(drip);
    expect(received).toContain("HTTP/1.1 408 ");
  });

  test("M01: nothing of a body is read before a bridge wants it, however it is sent", async () => {
    const { port, mounts } = await startWebServer();
    mounts.mount("toy", async () => new Response("no", { status: 401 }));
    const head = "POST /bridges/toy/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    // The answer comes although the body never does.
    expect(await talk(port, `${head}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`)).toContain("HTTP/1.1 401 ");
  });

  test("a body that never ends is given up, and one that is too large is not taken", async () => {
    const { port, mounts } = await startWebServer({
      limits: { headTimeout: 300, requestTimeout: 300 },
      bodyBytes: 1_000,
    });
    let taken = 0;
    mounts.mount("toy", async (request) => {
      taken = (await request.arrayBuffer()).byteLength;
      return new Response();
    });
    const head = "POST /bridges/toy/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    await talk(port, `${head}content-length: 100\r\n\r\nabc`);
    expect(taken).toBe(0);
    expect(await talk(port, `${head}content-length: 1001\r\n\r\n${"x".repeat(1001)}`)).toContain("HTTP/1.1 413 ");
    const chunk = `3e9\r\n${"x".repeat(1001)}\r\n0\r\n\r\n`;
    expect(await talk(port, `${head}transfer-encoding: chunked\r\n\r\n${chunk}`)).toContain("HTTP/1.1 413 ");
    expect(taken).toBe(0);
    expect(await talk(port, `${head}content-length: 1000\r\n\r\n${"x".repeat(1000)}`)).toContain("HTTP/1.1 200 ");
    expect(taken).toBe(1000);
  });

  test("more connections than allowed are closed, and the server goes on", async () => {
    const { port, get } = await startWebServer({ limits: { connections: 20 } });
    const sockets = Array.from({ length: 50 }, () => connect(port, "127.0.0.1").on("error", () => {}));
    await eventually(async () => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length >= 30);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => (await get("/health").catch(() => undefined))?.status === 200);
  });
});

/** Everything that comes back for these bytes, until the server closes. */
function talk(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text, "latin1"));
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      received += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(received));
  });
}

/** Asks for a path, reads the first line of the answer and then nothing more. */
function slowReader(port: Web["port"], path: string) {
  const socket = connect(port, "127.0.0.1", () => socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`));
  socket.on("error", () => {});
  const head = new Promise<string>((resolve) => {
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      resolve(chunk.toString().slice(0, "HTTP/1.1 200".length));
    });
  });
  return { head, end: () => socket.destroy() };
}

const count = (list: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const one of list.toSorted()) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
};

async function eventually(look: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 100; round++) {
    if (await look()) return;
    await sleep(50);
  }
  throw new Error("this did not happen");
}
