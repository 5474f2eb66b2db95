import { describe, expect, test } from "vitest";
import { parse } from "ltx";
import { Addresses } from "../../src/xmpp/addresses.ts";
import { IqTracker } from "../../src/xmpp/iq.ts";
import { Privileges } from "../../src/xmpp/privileges.ts";
import { Roster } from "../../src/xmpp/roster.ts";
import { createLog } from "../gateway/setup.ts";
import { createTestClock, settle } from "../kit/clock.ts";

function setUp(online?: string) {
  const sent: string[] = [];
  const clock = createTestClock();
  const log = createLog();
  const send = (stanza: { toString(): string }) => void sent.push(stanza.toString());
  const privileges = new Privileges("localhost", log);
  const iq = new IqTracker({ jid: "toy.localhost", send, clock });
  const subscribed: string[] = [];
  const roster = new Roster({
    addresses: new Addresses("toy.localhost", { toLocal: (id) => id, fromLocal: (local) => local }),
    iq,
    privileges,
    send,
    onlineResource: () => online,
    onSubscribed: async (user, contact) => void subscribed.push(`${contact} of ${user}`),
    group: "Toy",
    log,
  });
  return { sent, clock, log, privileges, iq, roster, subscribed };
}
const grant = (...perms: string[]) =>
  parse(
    `<message from="localhost" to="toy.localhost"><privilege xmlns="urn:xmpp:privilege:2">${perms.join("")}</privilege></message>`,
  );
const request = `<presence type="subscribe" from="bob@toy.localhost" to="alice@localhost"><nick xmlns="http://jabber.org/protocol/nick">Bob</nick></presence>`;

describe("a roster", () => {
  test.each([
    ["both", true],
    ["set", true],
    ["get", false],
    ["none", false],
  ])("may be written when the server grants %s", (type, allowed) => {
    const { privileges } = setUp();
    privileges.learn(grant(`<perm access="roster" type="${type}"/>`));
    expect(privileges.roster("alice@localhost")).toBe(allowed);
  });

  test("may still be written after an empty advertisement, and not after a full one without it", () => {
    const { privileges } = setUp();
    privileges.learn(grant(`<perm access="roster" type="both"/>`));
    privileges.learn(grant());
    expect(privileges.roster("alice@localhost")).toBe(true);
    privileges.learn(grant(`<perm access="message" type="outgoing"/>`));
    expect(privileges.roster("alice@localhost")).toBe(false);
    privileges.learn(grant(`<perm access="roster" type="both"/>`));
    privileges.reset();
    expect(privileges.roster("alice@localhost")).toBe(false);
  });

  test("is not all that may be granted: messages, and nodes, however Prosody 0.12 nests them", () => {
    const { privileges } = setUp();
    const namespace = (ns: string, type: string, inside = "") =>
      `<namespace ns="${ns}" type="${type}">${inside}</namespace>`;
    const pubsub = (type: string) => namespace("http://jabber.org/protocol/pubsub", type);
    const granted = () => [privileges.messages("alice@localhost"), privileges.pubsub("alice@localhost")];
    privileges.learn(grant(`<perm access="message" type="outgoing"/><perm access="iq">${pubsub("both")}</perm>`));
    expect(granted()).toEqual([true, true]);
    privileges.learn(grant(`<perm access="message" type="none"/><perm access="iq">${pubsub("get")}</perm>`));
    expect(granted()).toEqual([false, false]);
    const nested = namespace("urn:xmpp:mam:2", "both", namespace("urn:xmpp:blocking", "both", pubsub("set")));
    privileges.learn(grant(`<perm access="iq">${nested}</perm>`));
    expect(granted()).toEqual([false, true]);
    privileges.reset();
    expect(granted()).toEqual([false, false]);
  });

  test("that a silent server does not write is given up after five seconds, and the user asked", async () => {
    const { roster, sent, clock, privileges, subscribed } = setUp();
    privileges.learn(grant(`<perm access="roster" type="both"/>`));
    const added = roster.add("alice@localhost", "bob", "Bob");
    await settle();
    expect(sent).toHaveLength(1);
    await clock.advance(5_000);
    await added;
    expect(sent[1]).toBe(request);
    expect(subscribed).toEqual([]);
  });

  test("X19: is written only when the user's own server says so, not anybody with the id", async () => {
    const { roster, sent, clock, privileges, iq, subscribed } = setUp();
    privileges.learn(grant(`<perm access="roster" type="both"/>`));
    const added = roster.add("alice@localhost", "bob", "Bob");
    await settle();
    const { id } = parse(sent[0] ?? "").attrs as { id: string };
    expect(iq.handle(parse(`<iq type="result" id="${id}" from="mallory@localhost/x" to="toy.localhost"/>`))).toBe(
      false,
    );
    await clock.advance(5_000);
    await added;
    expect([sent[1], subscribed]).toEqual([request, []]);
  });

  test("of a user whose client does not answer gets a subscription request after three seconds", async () => {
    const { roster, sent, clock } = setUp("alice@localhost/phone");
    const added = roster.add("alice@localhost", "bob", "Bob");
    await clock.advance(3_000);
    await added;
    expect(sent[1]).toBe(request);
  });
});

describe("a contact with another name", () => {
  const item = (inside: string) => `<item jid="bob@toy.localhost" ${inside}><group>Toy</group></item>`;
  const query = (inside: string) => `<query xmlns="jabber:iq:roster">${inside}</query>`;
  /** Answers the request that was sent last. */
  function answer({ sent, iq }: ReturnType<typeof setUp>, inside: string) {
    const { attrs } = parse(sent.at(-1) ?? "");
    iq.handle(parse(`<iq type="result" id="${attrs.id}" from="${attrs.to}" to="toy.localhost">${inside}</iq>`));
  }

  test("is renamed where the roster has the old one, and keeps group and subscription", async () => {
    const kit = setUp();
    kit.privileges.learn(grant(`<perm access="roster" type="both"/>`));
    const done = kit.roster.rename("alice@localhost", "bob", "Bob", "Robert");
    answer(kit, query(item(`name="Bob" subscription="to"`)));
    await settle(1);
    expect(kit.sent.at(-1)).toContain(query(item(`name="Robert" subscription="to"`)));
    answer(kit, "");
    await done;
    expect(kit.sent).toHaveLength(2);
  });

  test("gets a name in a roster that has none", async () => {
    const kit = setUp();
    kit.privileges.learn(grant(`<perm access="roster" type="both"/>`));
    const done = kit.roster.rename("alice@localhost", "bob", "Bob", "Robert");
    answer(kit, query(item(`subscription="both"`)));
    await settle(1);
    expect(kit.sent.at(-1)).toContain(query(item(`name="Robert" subscription="both"`)));
    answer(kit, "");
    await done;
  });

  test.each([
    ["the user gave another one", item(`name="Bobby" subscription="to"`)],
    ["the contact is not in the roster", ""],
  ])("stays as it is when %s", async (_, inside) => {
    const kit = setUp();
    kit.privileges.learn(grant(`<perm access="roster" type="both"/>`));
    const done = kit.roster.rename("alice@localhost", "bob", "Bob", "Robert");
    answer(kit, query(inside));
    await done;
    expect(kit.sent).toHaveLength(1);
  });

  test("is left to presence where the server grants nothing", async () => {
    const kit = setUp();
    await kit.roster.rename("alice@localhost", "bob", "Bob", "Robert");
    expect(kit.sent).toEqual([]);
  });
});
