// X08: privileges (XEP-0356) are the power to write in users' names. Whatever the network tells and however much the server
// grants, each stanza that needs one is about the user whose own account caused it, and about what is listed here.
import type { Element } from "ltx";
import { expect, test } from "vitest";
import { canonical, type Story, signIn, startStory } from "../dialogues/story.ts";

const privilegeNs = "urn:xmpp:privilege:2";
const pubsubNs = "http://jabber.org/protocol/pubsub";
const roster = `<perm access="roster" type="both"/>`;
const messages = `<perm access="message" type="outgoing"/>`;
const iq = (...namespaces: readonly string[]) =>
  `<perm access="iq">${namespaces.map((ns) => `<namespace ns="${ns}" type="both"/>`).join("")}</perm>`;
/** More than the gateway has a use for. */
const everything = [
  roster,
  messages,
  `<perm access="presence" type="roster"/>`,
  iq(pubsubNs, "urn:xmpp:mam:2", "vcard-temp", "urn:xmpp:blocking", "jabber:iq:private"),
].join("");

const alice = "alice@localhost";
const carol = "carol@localhost";
const frank = "frank@federated.test";
const names = { [alice]: "al", [carol]: "ca", [frank]: "fr" } as const;

/** Three users of one network, one of them at home on another server; the server has granted `perms`. */
async function granted(perms: string): Promise<Story> {
  const story = await startStory({ permissions: { allow: ["localhost", "federated.test"] } });
  await signIn(story, "alice", "al");
  await signIn(story, "carol", "ca");
  story.network.passwords.set("fr", "secret");
  await story.ask(
    `<iq type="set" id="{id}" from="${frank}/pc" to="toy.localhost"><query xmlns="jabber:iq:register">
      <username>fr</username><password>secret</password></query></iq>`,
    `<iq type="result" id="{id}" from="toy.localhost" to="${frank}/pc"/>`,
  );
  story.network.rooms.create({ id: "r1", address: "#lobby", name: "Lobby", topic: "", members: { bob: "owner" } });
  await story.send(
    `<message from="localhost" to="toy.localhost"><privilege xmlns="${privilegeNs}">${perms}</privilege></message>`,
  );
  await story.skip();
  return story;
}

const answered = new WeakSet<Element>();
const done = `<privilege xmlns="${privilegeNs}"><forwarded xmlns="urn:xmpp:forward:0"><iq xmlns="jabber:client" type="result"/></forwarded></privilege>`;
const rosterOfBob = `<query xmlns="jabber:iq:roster"><item jid="bob@toy.localhost" subscription="both"/></query>`;

/** Users' servers do whatever they are asked. */
async function sayYes(story: Story): Promise<void> {
  for (;;) {
    await story.skip();
    const asked = story.server.stanzas.filter(
      (one) => one.name === "iq" && (one.attrs.type === "set" || one.attrs.type === "get") && !answered.has(one),
    );
    if (asked.length === 0) return;
    for (const stanza of asked) {
      answered.add(stanza);
      const { id, to, type } = stanza.attrs;
      const inside = type === "set" ? done : stanza.getChild("query", "jabber:iq:roster") ? rosterOfBob : "";
      await story.send(`<iq type="result" id="${id}" from="${to}" to="toy.localhost">${inside}</iq>`);
    }
  }
}

/** All that has the gateway write in a user's name: a contact added and renamed, a chat and a room read, a room entered. */
async function live(story: Story, user: keyof typeof names): Promise<void> {
  const self = names[user];
  const { network } = story;
  const bob = { kind: "contact", id: "bob" } as const;
  const room = { kind: "room", id: "r1" } as const;
  const from = "self";
  await story.send(`<message type="chat" from="${user}/x" to="toy.localhost"><body>add bob</body></message>`);
  await sayYes(story);
  network.put("bob", self, "Tea?", `${self}-1`);
  network.rooms.enter(self, "r1");
  network.rooms.say("bob", "r1", "Cake?", `${self}-2`);
  await sayYes(story);
  network.show("bob", { name: `Robert, to ${self}` }, self);
  network.tell(self, { type: "read", id: `${self}-3`, peer: bob, from, target: `${self}-1`, sentAt: 0 });
  network.tell(self, { type: "read", id: `${self}-4`, peer: room, from, target: `${self}-2`, sentAt: 0 });
  network.tell(self, { type: "room", id: `${self}-5`, peer: room, from, sentAt: 0, self: "joined", offer: "ask" });
  await sayYes(story);
}

interface Use {
  /** Of whom, as the stanza says it wherever it says it. */
  readonly user: string;
  readonly what: string;
}

/** Every stanza that the server would take from a privileged entity only. */
const uses = (story: Story): readonly Use[] =>
  story.server.stanzas.flatMap((stanza): readonly Use[] => {
    const to = String(stanza.attrs.to);
    const asked = stanza.getChild("privileged_iq", privilegeNs)?.getChild("iq");
    const said = stanza.getChild("privilege", privilegeNs)?.getChild("forwarded")?.getChild("message");
    const [payload] = stanza.getChildElements();
    if (asked !== undefined) {
      expect([asked.attrs.from, asked.attrs.to]).toEqual([to, to]);
      const pubsub = asked.getChild("pubsub", pubsubNs);
      const [change] = pubsub?.getChildElements() ?? [];
      return [{ user: to, what: `${change?.name} ${change?.attrs.node}` }];
    }
    if (said !== undefined) {
      expect(to).toBe("localhost");
      return [
        {
          user: String(said.attrs.from),
          what: said
            .getChildElements()
            .map(({ name }) => name)
            .join(),
        },
      ];
    }
    if (stanza.name === "iq" && payload?.getNS() === "jabber:iq:roster")
      return [{ user: to, what: `roster ${stanza.attrs.type}` }];
    expect(canonical(stanza)).not.toContain(privilegeNs);
    return [];
  });

const rosterUses = ["roster set", "roster get", "roster set"];
const pubsubUses = ["publish urn:xmpp:mds:displayed:0", "publish urn:xmpp:bookmarks:1"];
const messageUses = ["displayed,store"];
const all = [...rosterUses, ...pubsubUses, ...messageUses];

/** The uses after the first `before`, once there are so many as there should be, and all has come to rest. */
async function nextUses(story: Story, before: number, expected: number): Promise<readonly Use[]> {
  await story.until("the privileges are used", async () => {
    await sayYes(story);
    return uses(story).length >= before + expected;
  });
  return uses(story).slice(before);
}

test("X08: whatever is granted, each use is of the user whose account caused it, for what the gateway has a use for", async () => {
  const story = await granted(everything);
  for (const [before, user] of ([alice, carol] as const).entries()) {
    await live(story, user);
    const found = await nextUses(story, before * all.length, all.length);
    expect(found.map((use) => use.user)).toEqual(all.map(() => user));
    expect(found.map(({ what }) => what).toSorted()).toEqual(all.toSorted());
  }
});

test("X08: a user of another server is not a matter of this one's privileges, and spoils nobody else's", async () => {
  const story = await granted(everything);
  await live(story, frank);
  expect(uses(story)).toEqual([]);
  await live(story, alice);
  expect(await nextUses(story, 0, all.length)).toHaveLength(all.length);
});

test.each([
  ["rosters", roster, rosterUses],
  ["messages", messages, messageUses],
  ["nodes", iq(pubsubNs), pubsubUses],
  ["other things", iq("urn:xmpp:mam:2", "vcard-temp", "urn:xmpp:blocking", "jabber:iq:private"), []],
])("X08: where %s may be written, nothing else is", async (_, perms, expected) => {
  const story = await granted(perms);
  await live(story, alice);
  const found = await nextUses(story, 0, expected.length);
  expect(found.map(({ what }) => what).toSorted()).toEqual(expected.toSorted());
});
