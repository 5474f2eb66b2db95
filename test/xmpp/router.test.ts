import { parse } from "ltx";
import { describe, expect, test } from "vitest";
import { GatewayError } from "../../src/gateway/errors.ts";
import { StoreError } from "../../src/gateway/ports.ts";
import { Addresses } from "../../src/xmpp/addresses.ts";
import { type Feature, Router, type Target } from "../../src/xmpp/router.ts";
import { el } from "../../src/xmpp/stanza.ts";
import { StanzaError } from "../../src/xmpp/stanza-error.ts";
import { createLog } from "../gateway/setup.ts";

const names = /^[a-z]+$/;
const addressing = {
  toLocal: (id: string) => id,
  fromLocal: (local: string) => (names.test(local) ? local : undefined),
};
const echo = (ns: string, targets: readonly Target[]): Feature => ({
  xep: "9999",
  iq: [
    {
      type: "get",
      name: "query",
      ns,
      targets,
      handle: ({ contact }) => el("query", { xmlns: ns, who: contact ?? "gateway" }),
    },
  ],
});

function setUp(...features: Feature[]) {
  const sent: string[] = [];
  const log = createLog();
  const router = new Router({
    addresses: new Addresses("toy.localhost", addressing),
    log,
    serverDomain: "localhost",
    named: async () => undefined,
    mayUse: (user) => user.endsWith("@localhost"),
    send: (stanza) => void sent.push(stanza.toString()),
  });
  router.use(...features);
  return { router, sent, log, route: (xml: string) => router.route(parse(xml)) };
}
const ask = (to: string, payload = `<query xmlns="ns:a"/>`, from = "alice@localhost/x") =>
  `<iq type="get" id="1" from="${from}" to="${to}">${payload}</iq>`;
const failing = (error: unknown): Feature => ({
  xep: "9999",
  iq: [
    {
      type: "get",
      name: "query",
      ns: "ns:a",
      targets: ["gateway"],
      handle() {
        throw error;
      },
    },
  ],
});
const refusal = (type: string, condition: string, text: string) =>
  `<iq type="error" id="1" from="toy.localhost" to="alice@localhost/x"><error type="${type}"><${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">${text}</text></error></iq>`;

describe("a request", () => {
  test("goes to its route, which answers for the one that was asked", async () => {
    const { route, sent } = setUp(echo("ns:a", ["gateway", "contact"]));
    await route(ask("toy.localhost"));
    await route(ask("bob@toy.localhost/x"));
    expect(sent).toEqual([
      `<iq type="result" id="1" from="toy.localhost" to="alice@localhost/x"><query xmlns="ns:a" who="gateway"/></iq>`,
      `<iq type="result" id="1" from="bob@toy.localhost/x" to="alice@localhost/x"><query xmlns="ns:a" who="bob"/></iq>`,
    ]);
  });

  test.each([
    ["of another namespace", ask("toy.localhost", `<query xmlns="ns:other"/>`), "service-unavailable"],
    ["of another name", ask("toy.localhost", `<other xmlns="ns:a"/>`), "service-unavailable"],
    ["of another type", ask("toy.localhost").replace("get", "set"), "service-unavailable"],
    ["to somebody else than the route is for", ask("bob@toy.localhost"), "service-unavailable"],
    ["without a payload", ask("toy.localhost", ""), "bad-request"],
    ["without an id", ask("toy.localhost").replace(`id="1"`, ""), "bad-request"],
    ["to nobody", ask("b0b@toy.localhost"), "item-not-found"],
    ["to an address that is none", ask(String.raw`bob\20@toy.localhost`), "jid-malformed"],
    ["of somebody who may not ask", ask("toy.localhost", undefined, "mallory@evil.test/x"), "not-allowed"],
  ])("%s is refused", async (_, xml, condition) => {
    const { route, sent } = setUp(echo("ns:a", ["gateway"]));
    await route(xml);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toContain(`<${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>`);
  });

  test("of the server itself is answered, of another server not", async () => {
    const { route, sent } = setUp(echo("ns:a", ["gateway"]));
    await route(ask("toy.localhost", undefined, "localhost"));
    await route(ask("toy.localhost", undefined, "evil.test"));
    expect(sent).toEqual([
      `<iq type="result" id="1" from="toy.localhost" to="localhost"><query xmlns="ns:a" who="gateway"/></iq>`,
    ]);
  });

  test.each([
    ["an answer", `<iq type="result" id="1" from="alice@localhost/x" to="toy.localhost"/>`],
    ["an error", `<iq type="error" id="1" from="alice@localhost/x" to="toy.localhost"/>`],
    ["of no type", `<iq id="1" from="alice@localhost/x" to="toy.localhost"><query xmlns="ns:a"/></iq>`],
    ["from nobody", `<iq type="get" id="1" to="toy.localhost"><query xmlns="ns:a"/></iq>`],
    ["from an address that is none", ask("toy.localhost", undefined, "a@b@c")],
  ])("that is %s gets none", async (_, xml) => {
    const { route, sent } = setUp(echo("ns:a", ["gateway"]));
    await route(xml);
    expect(sent).toEqual([]);
  });
});

describe("an error of a handler", () => {
  test.each([
    [
      "for the user",
      new GatewayError("policy-violation", "Slower.", { wait: true }),
      "wait",
      "policy-violation",
      "Slower.",
    ],
    ["for good", new GatewayError("item-not-found", "Nobody."), "cancel", "item-not-found", "Nobody."],
    ["of the edge", new StanzaError("forbidden", "No."), "auth", "forbidden", "No."],
    [
      "of the disk",
      new StoreError("full", "full"),
      "wait",
      "resource-constraint",
      "The gateway cannot store messages now; try again later.",
    ],
    [
      "nobody foresaw",
      new TypeError("secret detail"),
      "wait",
      "internal-server-error",
      "Something went wrong in the gateway; its operator finds it in the log.",
    ],
  ])("%s becomes one stanza", async (_, error, type, condition, text) => {
    const { route, sent } = setUp(failing(error));
    await route(ask("toy.localhost"));
    expect(sent).toEqual([refusal(type, condition, text)]);
  });

  test("is in the log when nobody foresaw it, and only then", async () => {
    for (const [error, lines] of [
      [new TypeError("x"), 1],
      [new GatewayError("forbidden", "No."), 0],
    ] as const) {
      const { route, log } = setUp(failing(error));
      await route(ask("toy.localhost"));
      expect(log.lines.filter((line) => line.level === "error")).toHaveLength(lines);
    }
  });

  test("does not come to light when the link is gone: routing never rejects", async () => {
    const broken = new Router({
      addresses: new Addresses("toy.localhost", addressing),
      log: createLog(),
      serverDomain: "localhost",
      named: async () => undefined,
      mayUse: () => true,
      send: () => {
        throw new Error("the link is down");
      },
    });
    broken.use(failing(new Error("x")));
    await expect(broken.route(parse(ask("toy.localhost")))).resolves.toBeUndefined();
  });
});

describe("discovery", () => {
  test("follows from the routes and features of each target", () => {
    const { router } = setUp(echo("ns:b", ["gateway"]), echo("ns:a", ["gateway", "contact"]), {
      xep: "0001",
      features: { contact: ["ns:c", "ns:a"] },
    });
    expect(router.features("gateway")).toEqual(["ns:a", "ns:b"]);
    expect(router.features("contact")).toEqual(["ns:a", "ns:c"]);
    expect(router.xeps).toEqual(["0001", "9999"]);
  });
});

describe("X10: presence of who may not use the gateway", () => {
  test("is answered with unsubscribed for a request, else with nothing, whoever it is for", async () => {
    const { route, sent } = setUp();
    for (const to of ["bob@toy.localhost", "b0b@toy.localhost", "toy.localhost"]) {
      await route(`<presence type="subscribe" from="mallory@evil.test" to="${to}"/>`);
      await route(`<presence type="probe" from="mallory@evil.test" to="${to}"/>`);
      await route(`<presence from="mallory@evil.test/x" to="${to}"/>`);
    }
    expect(sent).toEqual(
      ["bob@toy.localhost", "b0b@toy.localhost", "toy.localhost"].map(
        (to) => `<presence type="unsubscribed" from="${to}" to="mallory@evil.test"/>`,
      ),
    );
  });
});
