// X29, M18: links that others chose, pointed at what is not theirs.
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { certificate, fetchWith, startServer } from "../net/web-server.ts";

const refused = { kind: "reject", condition: "not-allowed" };

describe("X29: nothing but https on public hosts", () => {
  test.each([
    "http://files.example/cat.png",
    "file:///etc/passwd",
    "gopher://files.example/",
    "ftp://files.example/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "blob:https://files.example/1",
    "https://user:pw@files.example/",
    "https://169.254.169.254/latest/meta-data/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://8.8.8.8/",
    "https://134744072/",
    "https://files.example./",
    "https://files.example:22/",
    "https://files.example:25/",
    "https://files.example:993/",
    "https://-bad.example/",
  ])("refuses %s without asking anybody", async (url) => {
    const asked: string[] = [];
    const fetch = fetchWith({
      resolve: async (host) => {
        asked.push(host);
        return ["8.8.8.8"];
      },
    });
    await expect(fetch(url)).rejects.toMatchObject(refused);
    expect(asked).toEqual([]);
  });

  test.each([
    ["localhost", ["127.0.0.1"]],
    ["metadata.internal", ["169.254.169.254"]],
    ["rebind.example", ["8.8.8.8", "127.0.0.1"]],
    ["six.example", ["fd00::1"]],
    ["mapped.example", ["::ffff:10.0.0.1"]],
    ["nat64.example", ["64:ff9b::a00:1"]],
  ])("refuses %s, whose addresses are not all public", async (host, addresses) => {
    await expect(fetchWith({ resolve: async () => addresses })(`https://${host}/`)).rejects.toMatchObject(refused);
  });
});

describe("X29: DNS rebinding", () => {
  test("resolves once for a connection, and connects to what was checked", async () => {
    const { cert, key } = await certificate();
    const { port } = await startServer((_, response) => response.end("the checked one"), { cert, key });
    const answers = [["127.0.0.1"], ["8.8.8.8"]];
    let questions = 0;
    const fetch = fetchWith({
      // The address is allowed, the name is not: it is looked at like any other.
      allow: ["127.0.0.1"],
      ca: cert,
      resolve: async () => answers[questions++] ?? [],
    });
    const url = `https://a.web.test:${port}/`;
    expect(await (await fetch(url)).text()).toBe("the checked one");
    expect(await (await fetch(url)).text()).toBe("the checked one");
    expect(questions).toBe(1);
  });

  test("checks a name anew for a new connection", async () => {
    const { cert, key } = await certificate();
    const tls = { cert, key };
    const { port } = await startServer((_, response) => response.setHeader("connection", "close").end(), tls);
    const answers = [["127.0.0.1"], ["127.0.0.2"]];
    const fetch = fetchWith({ allow: ["127.0.0.1"], ca: cert, resolve: async () => answers.shift() ?? [] });
    await (await fetch(`https://a.web.test:${port}/`)).text();
    await expect(fetch(`https://a.web.test:${port}/`)).rejects.toMatchObject(refused);
  });
});

describe("X29, M18: redirects", () => {
  test.each([
    ["to loopback", (port: number) => `https://inside.example:${port}/secret`],
    ["to an address", (port: number) => `https://127.0.0.1:${port}/secret`],
    ["to plain http", (port: number) => `http://elsewhere.example:${port}/secret`],
    ["to a file", () => "file:///etc/passwd"],
    ["to a password", (port: number) => `http://a:b@host.test:${port}/secret`],
  ])("refuses one %s", async (_, target) => {
    const { port, asked } = await startServer((_request, response) =>
      response.writeHead(302, { location: target(port) }).end(),
    );
    await expect(fetchWith({ allow: ["host.test"] })(`http://host.test:${port}/`)).rejects.toMatchObject(refused);
    expect(asked).toHaveLength(1);
  });

  test("follows three and no more", async () => {
    const { port, asked } = await startServer((_, response) => response.writeHead(302, { location: "/" }).end());
    await expect(fetchWith({ allow: ["host.test"] })(`http://host.test:${port}/`)).rejects.toThrow(
      "more than 3 redirects",
    );
    expect(asked).toHaveLength(4);
  });

  test("does not take credentials to another origin", async () => {
    const { port, asked } = await startServer((request, response) =>
      request.path === "/"
        ? response.writeHead(302, { location: `http://two.test:${port}/next` }).end()
        : response.end(),
    );
    await fetchWith({ allow: ["one.test", "two.test"] })(`http://one.test:${port}/`, {
      headers: { authorization: "Bearer secret", cookie: "secret=1", "proxy-authorization": "secret", "x-kept": "1" },
    });
    expect(asked.map(({ headers }) => headers.host)).toEqual([`one.test:${port}`, `two.test:${port}`]);
    expect(asked[0]?.headers).toMatchObject({ authorization: "Bearer secret", cookie: "secret=1" });
    expect(JSON.stringify(asked[1]?.headers)).not.toContain("secret");
    expect(asked[1]?.headers["x-kept"]).toBe("1");
  });

  test("does not take a body, such as a password, to another origin", async () => {
    const { port, asked } = await startServer((_, response) =>
      response.writeHead(307, { location: `http://two.test:${port}/login` }).end(),
    );
    const fetch = fetchWith({ allow: ["one.test", "two.test"] });
    const login = fetch(`http://one.test:${port}/login`, { method: "POST", body: '{"password":"secret"}' });
    await expect(login).rejects.toMatchObject(refused);
    expect(asked).toHaveLength(1);
  });
});

describe("X29: answers without end", () => {
  const allow = ["host.test"];

  test("a body that is longer than allowed errors, announced or not", async () => {
    const { port } = await startServer((request, response) => {
      if (request.path === "/announced") response.writeHead(200, { "content-length": 1_000_000 });
      response.end("x".repeat(1_000_000));
    });
    const fetch = fetchWith({ allow });
    for (const path of ["/announced", "/chunked"]) {
      const answer = await fetch(`http://host.test:${port}${path}`, { maxBytes: 1_000 });
      await expect(answer.text()).rejects.toMatchObject({ kind: "reject", condition: "policy-violation" });
    }
    const whole = await fetch(`http://host.test:${port}/`, { maxBytes: 1_000_000 });
    expect((await whole.text()).length).toBe(1_000_000);
  });

  test("an archive that unpacks to more than allowed errors", async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    const { port } = await startServer((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(bomb),
    );
    const answer = await fetchWith({ allow })(`http://host.test:${port}/`);
    await expect(answer.arrayBuffer()).rejects.toMatchObject({ kind: "reject" });
  });

  test("a head that never ends, or is larger than any head, errors", async () => {
    const { port } = await startServer((request, response) => {
      if (request.path === "/large") response.writeHead(200, { "x-large": "x".repeat(100_000) }).end();
    });
    const fetch = fetchWith({ allow });
    await expect(fetch(`http://host.test:${port}/large`)).rejects.toThrow("the request failed: HPE_HEADER_OVERFLOW");
    await expect(fetch(`http://host.test:${port}/never`, { timeout: 50 })).rejects.toThrow(TypeError);
  });

  test("an answer with a status that is none errors", async () => {
    const { port } = await startServer((_, response) => response.socket?.end("HTTP/1.1 999 Wat\r\n\r\n"));
    await expect(fetchWith({ allow })(`http://host.test:${port}/`)).rejects.toThrow();
  });

  test("what the reader does not take is not read", async () => {
    let written = 0;
    const { port } = await startServer((_, response) => {
      const more = () => {
        while (written < 64 * 1024 * 1024 && response.write(Buffer.alloc(64 * 1024))) written += 64 * 1024;
        response.once("drain", more);
      };
      more();
    });
    const answer = await fetchWith({ allow })(`http://host.test:${port}/`, { maxBytes: Number.POSITIVE_INFINITY });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(written).toBeLessThan(16 * 1024 * 1024);
    await answer.body?.cancel();
  });
});

test("X29: the operator's list opens a host, or one port of it, and nothing else", async () => {
  const { port } = await startServer((_, response) => response.end("inside"));
  const fetch = fetchWith({ allow: ["Whole.test", `one.test:${port}`, "[::1]"] });
  expect(await (await fetch(`http://whole.test:${port}/`)).text()).toBe("inside");
  expect(await (await fetch(`http://ONE.test:${port}/`)).text()).toBe("inside");
  await expect(fetch(`http://one.test:${port + 1}/`)).rejects.toMatchObject(refused);
  await expect(fetch(`http://sub.whole.test:${port}/`)).rejects.toMatchObject(refused);
  await expect(fetch("http://[::1]:1/")).rejects.toThrow("the request failed: ECONNREFUSED");
});
