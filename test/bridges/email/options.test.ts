import { expect, test } from "vitest";
import { emailOptions, networkMatcher, parseListen } from "../../../bridges/email/options.ts";

test("needs nothing: accounts are on, a mail domain is not", () => {
  expect(emailOptions.parse({})).toEqual({
    accounts: {
      enabled: true,
      servers: {},
      allowPrivateHosts: [],
      maxMailBytes: 2_097_152,
      largeMailBytes: 102_400,
    },
    attachmentBytes: 10_485_760,
    textLength: 4000,
  });
});

test("a mail domain needs four lines", () => {
  const domain = { name: "mail.test", users: "xmpp.test", lmtp: "127.0.0.1:8024", smarthost: { host: "mx.test" } };
  expect(emailOptions.parse({ domain }).domain).toEqual({
    ...domain,
    smarthost: { host: "mx.test", port: 587, security: "starttls", insecure: false, connections: 5 },
    maxSize: 26_214_400,
    trusted: ["127.0.0.0/8", "::1/128"],
    maxConnections: 50,
    maxBufferedBytes: 134_217_728,
  });
});

for (const bad of [
  { accounts: { serverz: {} } },
  { domain: { name: "mail.test", users: "xmpp.test" } },
  { domain: { name: "mail.test", users: "xmpp.test", smarthost: { host: "mx" }, lmtp: "8024" } },
  { domain: { name: "mail.test", users: "xmpp.test", smarthost: { host: "mx" }, trusted: ["10.0.0.0/33"] } },
  { domain: { name: "mail.test", users: "xmpp.test", smarthost: { host: "mx", user: "gw" } } },
  { textLength: 1 },
]) {
  test(`refuses ${JSON.stringify(bad)}`, () => {
    expect(emailOptions.safeParse(bad).success).toBe(false);
  });
}

test("reads listen addresses and networks of both families", () => {
  expect(parseListen("127.0.0.1:8024")).toEqual({ host: "127.0.0.1", port: 8024 });
  expect(parseListen("[::1]:8024")).toEqual({ host: "::1", port: 8024 });
  expect([parseListen("8024"), parseListen("a:b"), parseListen("::1:8024"), parseListen("a:70000")]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const trusted = networkMatcher(["10.0.0.0/8", "::1/128"]);
  expect(["10.1.2.3", "::ffff:10.1.2.3", "::1", "11.0.0.1", "::2", "nonsense"].map(trusted)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
