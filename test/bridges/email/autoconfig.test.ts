// X29: the one web request of this bridge, for autoconfig documents, through the gateway's guarded fetch.
import { expect, test } from "vitest";
import { fetchAutoconfig } from "../../../bridges/email/autoconfig.ts";
import { certificate, fetchWith, startServer } from "../../net/web-server.ts";

const document = `<clientConfig version="1.1"><emailProvider id="firma.example">
  <incomingServer type="imap">
    <hostname>imap.firma.example</hostname><port>993</port><socketType>SSL</socketType>
  </incomingServer>
  <outgoingServer type="smtp">
    <hostname>smtp.firma.example</hostname><port>465</port><socketType>SSL</socketType>
  </outgoingServer>
</emailProvider></clientConfig>`;

/** What is found at a path of a server that is trusted under every name below web.test. */
async function read(path: string, host = "a.web.test") {
  const { cert, key } = await certificate();
  const { port } = await startServer(
    ({ path: asked }, response) => {
      if (asked === "/doc") response.end(document);
      else if (asked === "/moved") response.writeHead(302, { location: `https://b.web.test:${port}/doc` }).end();
      else if (asked === "/away") response.writeHead(302, { location: `http://a.elsewhere.test:${port}/doc` }).end();
      else if (asked === "/big") response.end(document + " ".repeat(70_000));
      else if (asked === "/slow") response.write("<client");
      else response.writeHead(404).end(document);
    },
    { cert, key },
  );
  const fetch = fetchWith({ allow: ["a.web.test", "b.web.test"], ca: cert });
  const signal = AbortSignal.timeout(1000);
  return fetchAutoconfig(`https://${host}:${port}${path}`, "anna@firma.example", fetch, signal).catch(() => undefined);
}

const servers = {
  imap: { host: "imap.firma.example", port: 993, security: "tls" },
  smtp: { host: "smtp.firma.example", port: 465, security: "tls" },
};

test.each([
  ["as it is", "/doc"],
  ["behind a redirect", "/moved"],
])("reads a document %s", async (_, path) => {
  expect(await read(path)).toEqual(servers);
});

test.each([
  ["a redirect to where the gateway does not go", "/away"],
  ["a document that is too large", "/big"],
  ["a document that does not end", "/slow"],
  ["a missing document", "/missing"],
])("reads nothing from %s", async (_, path) => {
  expect(await read(path)).toBeUndefined();
});

test("reads nothing from a host that is not on the public internet", async () => {
  expect(await read("/doc", "private.web.test")).toBeUndefined();
});
