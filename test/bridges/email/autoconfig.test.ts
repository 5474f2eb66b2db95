// X29: the one web request of this bridge, for autoconfig documents.
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { guardedGet } from "../../../bridges/email/guarded-get.ts";
import { type CheckedEndpoint, createHostPolicy, webPolicy } from "../../../bridges/email/host-policy.ts";
import type { Endpoint } from "../../../bridges/email/endpoint.ts";
import { makeCertificate } from "../../lab/certificate.ts";
import { loopbackResolver } from "./resolver.ts";

let folder: string;
let server: Server;
let port: number;
let ca: string;
const asked: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "viaduct-web-"));
  const files = await makeCertificate(folder, "web.test");
  ca = readFileSync(files.certFile, "utf8");
  server = createServer({ cert: ca, key: readFileSync(files.keyFile) }, (request, response) => {
    asked.push(request.url ?? "");
    const [, kind, rest = ""] = /^\/(\w+)(.*)/.exec(request.url ?? "") ?? [];
    if (kind === "doc") response.end("<clientConfig/>");
    else if (kind === "to") response.writeHead(302, { location: decodeURIComponent(rest.slice(1)) }).end();
    else if (kind === "loop") response.writeHead(302, { location: request.url ?? "" }).end();
    else if (kind === "big") response.end("x".repeat(70_000));
    else if (kind === "slow") response.write("<client");
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

/** As the policy would for a public host; anything named "private" is not. */
async function check(endpoint: Endpoint): Promise<CheckedEndpoint> {
  if (endpoint.host.startsWith("private")) throw new Error("not allowed");
  return { ...endpoint, addresses: ["127.0.0.1"], insecure: false };
}

const get = (url: string): Promise<string | undefined> => guardedGet(check, ca)(url, AbortSignal.timeout(500));
const at = (path: string, host = "a.web.test"): string => `https://${host}:${port}${path}`;

test("reads a document from the checked address of a name", async () => {
  expect(await get(at("/doc"))).toBe("<clientConfig/>");
});

test("follows a redirect after checking where it leads", async () => {
  expect(await get(at(`/to/${encodeURIComponent(at("/doc", "b.web.test"))}`))).toBe("<clientConfig/>");
  asked.length = 0;
  expect(await get(at(`/to/${encodeURIComponent(at("/doc", "private.web.test"))}`))).toBeUndefined();
  expect(asked.length).toBe(1);
});

test("follows three redirects and no more", async () => {
  asked.length = 0;
  expect(await get(at("/loop"))).toBeUndefined();
  expect(asked).toEqual(["/loop", "/loop", "/loop", "/loop"]);
});

for (const [name, url] of [
  ["plain http", () => at("/doc").replace("https", "http")],
  ["a redirect to plain http", () => at(`/to/${encodeURIComponent(at("/doc").replace("https", "http"))}`)],
  ["a redirect to a file", () => at(`/to/${encodeURIComponent("file:///etc/passwd")}`)],
  ["credentials in the address", () => at("/doc").replace("https://", "https://user:pw@")],
  ["a document that is too large", () => at("/big")],
  ["a document that does not end", () => at("/slow")],
  ["a missing document", () => at("/missing")],
  ["a certificate for another name", () => at("/doc", "web.invalid")],
] as const) {
  test(`reads nothing from ${name}`, async () => {
    expect(await get(url())).toBeUndefined();
  });
}

test("its policy allows port 443 of public hosts only", async () => {
  const web = webPolicy({ ...loopbackResolver, addresses: async () => ["8.8.8.8"] });
  await expect(web.check({ host: "a.example", port: 443, security: "tls" })).resolves.toMatchObject({ port: 443 });
  await expect(web.check({ host: "a.example", port: 8443, security: "tls" })).rejects.toMatchObject({ kind: "reject" });
  await expect(
    webPolicy(loopbackResolver).check({ host: "a.example", port: 443, security: "tls" }),
  ).rejects.toMatchObject({
    kind: "reject",
  });
  const mail = createHostPolicy(
    { servers: {}, allowPrivateHosts: [] },
    { ...loopbackResolver, addresses: async () => ["8.8.8.8"] },
  );
  await expect(mail.check({ host: "a.example", port: 443, security: "tls" })).rejects.toMatchObject({ kind: "reject" });
});
