// Discovery with an invented network: nothing leaves the machine.
import { expect, test } from "vitest";
import type { GuardedFetch } from "#bridge";
import { readAutoconfig } from "../../../bridges/email/autoconfig.ts";
import { type Discovery, discover } from "../../../bridges/email/discovery.ts";
import type { MailResolver, SrvAnswer } from "../../../bridges/email/dns.ts";

const anna = "anna@firma.example";

const autoconfigXml = `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="firma.example">
    <domain>firma.example</domain>
    <incomingServer type="pop3">
      <hostname>pop.firma.example</hostname><port>995</port><socketType>SSL</socketType>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>plain.firma.example</hostname><port>143</port><socketType>plain</socketType>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>IMAP.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType>
      <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.firma.example</hostname><port>587</port><socketType>STARTTLS</socketType>
      <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication>
    </outgoingServer>
  </emailProvider>
</clientConfig>`;

function world(given: {
  srv?: Readonly<Record<string, readonly SrvAnswer[]>>;
  mx?: readonly string[];
  documents?: Readonly<Record<string, string>>;
  hang?: boolean;
}): Discovery {
  const never = new Promise<never>(() => undefined);
  const resolver: MailResolver = {
    addresses: async () => [],
    srv: async (name) => (given.hang === true ? never : (given.srv?.[name] ?? [])),
    mx: async () => (given.hang === true ? never : (given.mx ?? [])),
  };
  const fetch: GuardedFetch = async (url) => {
    const { host, pathname } = new URL(url);
    const document = given.hang === true ? await never : given.documents?.[host + pathname];
    return new Response(document, { status: document === undefined ? 404 : 200 });
  };
  return { resolver, fetch, timeout: 100 };
}

const find = (address: string, discovery: Discovery, servers = {}): ReturnType<typeof discover> =>
  discover(address, servers, discovery, new AbortController().signal);

const srv = (host: string, port: number, priority = 0, weight = 0): SrvAnswer => ({ host, port, priority, weight });

test("knows the large providers without asking anybody, and where their app passwords are made", async () => {
  const found = await find("someone@gmail.com", world({ hang: true }));
  expect(found).toMatchObject({
    from: "table",
    confirm: false,
    servers: {
      imap: { host: "imap.gmail.com", port: 993, security: "tls" },
      smtp: { host: "smtp.gmail.com", port: 465, security: "tls" },
    },
    provider: { title: "Gmail", savesSent: true },
  });
});

test("says that Proton Mail cannot be used", async () => {
  expect(await find("a@proton.me", world({}))).toMatchObject({ unusable: { title: "Proton Mail" } });
});

test("asks the operator's table first", async () => {
  const imap = { host: "imap.lan", port: 143, security: "none", insecure: false } as const;
  const smtp = { host: "smtp.lan", port: 25, security: "none", insecure: false } as const;
  const found = await find("a@gmail.com", world({}), { "gmail.com": { imap, smtp } });
  expect(found).toMatchObject({
    from: "operator",
    servers: { imap: { host: "imap.lan" }, smtp: { host: "smtp.lan" } },
  });
});

test("reads the domain's autoconfig document, and prefers it to SRV records", async () => {
  const found = await find(
    anna,
    world({
      documents: { "autoconfig.firma.example/mail/config-v1.1.xml": autoconfigXml },
      srv: { "_imaps._tcp.firma.example": [srv("other.example", 993)] },
    }),
  );
  expect(found).toEqual({
    from: "autoconfig",
    confirm: false,
    user: "anna",
    servers: {
      imap: { host: "imap.firma.example", port: 993, security: "tls" },
      smtp: { host: "smtp.firma.example", port: 587, security: "starttls" },
    },
  });
});

test("reads the well-known place as well", async () => {
  const documents = { "firma.example/.well-known/autoconfig/mail/config-v1.1.xml": autoconfigXml };
  expect(await find(anna, world({ documents }))).toMatchObject({ from: "autoconfig" });
});

test("takes SRV records by priority and weight, and the plain names with STARTTLS", async () => {
  const found = await find(
    anna,
    world({
      srv: {
        "_imaps._tcp.firma.example": [
          srv("b.firma.example", 993, 20),
          srv("a.firma.example", 993, 10, 1),
          srv("A2.firma.example", 993, 10, 9),
        ],
        "_submissions._tcp.firma.example": [srv(".", 0)],
        "_submission._tcp.firma.example": [srv("out.firma.example", 587)],
      },
    }),
  );
  expect(found).toEqual({
    from: "srv",
    confirm: false,
    servers: {
      imap: { host: "a2.firma.example", port: 993, security: "tls" },
      smtp: { host: "out.firma.example", port: 587, security: "starttls" },
    },
  });
});

test("wants SRV targets in another domain confirmed before the password is sent", async () => {
  const found = await find(
    anna,
    world({
      srv: {
        "_imaps._tcp.firma.example": [srv("imap.evil.example", 993)],
        "_submissions._tcp.firma.example": [srv("smtp.evil.example", 465)],
      },
    }),
  );
  expect(found).toMatchObject({ from: "srv", confirm: true });
});

test("recognises the provider by the domain's MX", async () => {
  const found = await find(anna, world({ mx: ["aspmx.l.google.com"] }));
  expect(found).toMatchObject({
    from: "mx",
    servers: { imap: { host: "imap.gmail.com" } },
    provider: { title: "Gmail" },
  });
});

test("gives up within its time when nobody answers", async () => {
  const begun = Date.now();
  expect(await find(anna, world({ hang: true }))).toBeUndefined();
  expect(Date.now() - begun).toBeLessThan(1000);
});

for (const [name, document] of [
  ["broken XML", "<clientConfig><emailProvider>"],
  ["entities", `<!DOCTYPE x [<!ENTITY a "b">]>${autoconfigXml}`],
  ["only unencrypted servers", autoconfigXml.replaceAll("SSL", "plain").replaceAll("STARTTLS", "plain")],
  ["no password sign-in", autoconfigXml.replaceAll("password-cleartext", "OAuth2")],
  ["a page that is not XML at all", "Not found"],
] as const) {
  test(`finds nothing in an autoconfig document with ${name}`, () => {
    expect(readAutoconfig(document, anna)).toBeUndefined();
  });
}
