import { describe, expect, test } from "vitest";
import { complaints, loadGood, minimal } from "./fixtures.ts";

describe("the web section", () => {
  test("needs a public address only", async () => {
    expect((await loadGood(`${minimal}web: { publicUrl: https://files.example.org }\n`)).web).toEqual({
      listen: { host: "127.0.0.1", port: 8080 },
      publicUrl: "https://files.example.org/",
      linkLifetime: 2_592_000_000,
    });
  });

  test("is not there unless it is written", async () => {
    expect((await loadGood(minimal)).web).toBeUndefined();
  });

  test.each([
    ["https://files.example.org/viaduct", "https://files.example.org/viaduct/"],
    ["https://files.example.org:8443/", "https://files.example.org:8443/"],
    ["http://localhost:8080", "http://localhost:8080/"],
    ["http://127.0.0.1:8080/", "http://127.0.0.1:8080/"],
  ])("takes %s as %s", async (text, url) => {
    expect((await loadGood(`${minimal}web: { publicUrl: "${text}" }\n`)).web?.publicUrl).toBe(url);
  });

  test.each([
    "http://files.example.org/",
    "files.example.org",
    "https://a:b@x.org/",
    "https://x.org/?a=b",
    "https://x.org/#a",
    "ftp://x.org/",
  ])("refuses %s", async (text) => {
    expect(
      await complaints(`${minimal}web: { publicUrl: "${text}" }\n`),
    ).toBe(`viaduct.yaml:8:19: error: web.publicUrl: this is not an https address without a query.
    expected: an https address without a query
    example: publicUrl: https://files.example.org/`);
  });

  test("warns when the server can be reached without the proxy", async () => {
    expect(await complaints(`${minimal}web: { listen: "0.0.0.0:8080", publicUrl: https://x.org/ }\n`)).toBe(
      "viaduct.yaml:8:16: warning: web.listen: the HTTP server does no TLS: let only your reverse proxy reach it.",
    );
  });
});

describe("net.allowPrivateHosts", () => {
  test("takes hosts, addresses and ports", async () => {
    const { net } = await loadGood(
      `${minimal}net: { allowPrivateHosts: [Matrix.Internal, "box.lan:8008", 10.0.0.5, "::1", "[::1]:80"] }\n`,
    );
    expect(net.allowPrivateHosts).toEqual(["matrix.internal", "box.lan:8008", "10.0.0.5", "::1", "[::1]:80"]);
  });

  test.each(["https://box.lan", "10.0.0.0/8", "*.lan", "box.lan:99999", ""])("refuses %j", async (text) => {
    expect(await complaints(`${minimal}net: { allowPrivateHosts: ["${text}"] }\n`)).toContain(
      "net.allowPrivateHosts.0: this is not a host, an address or host:port.",
    );
  });
});
