import { describe, expect, test } from "vitest";
import { complaints, loadGood, minimal } from "./fixtures.ts";

describe("the environment", () => {
  test("overrides any option; letter case does not matter", async () => {
    const config = await loadGood(`${minimal}limits: { window: 5 }\n`, {
      VIADUCT_XMPP__SERVER: "[::1]:5222",
      VIADUCT_LIMITS__MESSAGESPERMINUTE: "7",
      VIADUCT_LIMITS__STANZASIZE: "32 KiB",
      VIADUCT_limits__Window: "9",
      VIADUCT_PERMISSIONS__ALLOW: "[example.org, ann@example.net]",
      VIADUCT_BRIDGES__EMAIL__SECRET: "12345",
      VIADUCT_BRIDGES__EMAIL__TEXTLENGTH: "500",
      VIADUCT_BRIDGES__EMAIL__ACCOUNTS: "false",
      VIADUCT_BRIDGES__EMAIL__DOMAIN__NAME: "example.net",
    });
    expect(config).toMatchObject({
      xmpp: { server: { host: "::1", port: 5222 } },
      permissions: { allow: ["example.org", "ann@example.net"] },
      limits: { messagesPerMinute: 7, stanzaSize: 32_768, window: 9 },
      bridges: [{ secret: "12345", options: { textLength: 500, accounts: false, domain: { name: "example.net" } } }],
    });
  });

  test("is enough by itself, with an empty file", async () => {
    const config = await loadGood("", {
      VIADUCT_XMPP__SERVER: "127.0.0.1:5347",
      VIADUCT_XMPP__DOMAIN: "example.org",
      VIADUCT_BRIDGES__EMAIL__JID: "email.example.org",
      VIADUCT_BRIDGES__EMAIL__SECRET__ENV: "COMPONENT_SECRET",
      COMPONENT_SECRET: "hush",
    });
    expect(config.bridges).toMatchObject([{ jid: "email.example.org", secret: "hush" }]);
  });

  test("has VIADUCT_LOG_LEVEL for the commonest override", async () => {
    expect((await loadGood(minimal, { VIADUCT_LOG_LEVEL: "debug" })).log.level).toBe("debug");
  });

  test("leaves variables alone that an orchestrator sets for a service called viaduct", async () => {
    const config = await loadGood(minimal, { VIADUCT_PORT: "tcp://192.0.2.1:80", VIADUCT_SERVICE_HOST: "192.0.2.1" });
    expect(config.xmpp.server.host).toBe("127.0.0.1");
  });

  test("gets its mistakes named by variable", async () => {
    const found = await complaints(minimal, {
      VIADUCT_LIMITS__WINDW: "4",
      VIADUCT_XMPP__DOMAIN: "a b",
      VIADUCT_LOG_LEVEL: "loud",
      VIADUCT_PERMISSIONS__ALLOW: "[a",
      VIADUCT_BRIDGES__EMAIL__DOMAIN__NAM: "x",
    });
    expect(found).toBe(`environment variable VIADUCT_BRIDGES__EMAIL__DOMAIN__NAM: error: this variable names no option.
    did you mean: VIADUCT_BRIDGES__EMAIL__DOMAIN__NAME
environment variable VIADUCT_LIMITS__WINDW: error: this variable names no option.
    did you mean: VIADUCT_LIMITS__WINDOW
environment variable VIADUCT_LOG_LEVEL: error: log.level: "loud" does not fit.
    expected: one of debug, info, warn, error
    example: level: info
environment variable VIADUCT_PERMISSIONS__ALLOW: error: permissions.allow: the value is not readable as YAML.
environment variable VIADUCT_XMPP__DOMAIN: error: xmpp.domain: this is not a domain name.
    expected: a domain name
    example: domain: example.org`);
  });
});
