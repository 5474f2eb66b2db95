import fc from "fast-check";
import { expect, test } from "vitest";
import { botOf, ghostOf, type GhostSpace, isOurs, userOf } from "../../../../bridges/matrix/appservice/ghost-id.ts";
import { contacts } from "../../../../bridges/matrix/addressing.ts";
import { isUserId } from "../../../../bridges/matrix/ids.ts";

const space: GhostSpace = { prefix: "_xmpp_", serverName: "hs.test:8448", users: "xmpp.test" };

test.each([
  ["alice@xmpp.test", "@_xmpp_alice=40xmpp.test:hs.test:8448"],
  ["a.b-c_d@xmpp.test", "@_xmpp_a.b-c_d=40xmpp.test:hs.test:8448"],
  ["jürgen@xmpp.test", "@_xmpp_j=c3=bcrgen=40xmpp.test:hs.test:8448"],
  ["d\\27artagnan@xmpp.test", "@_xmpp_d=5c27artagnan=40xmpp.test:hs.test:8448"],
  ["a+b=c@xmpp.test", "@_xmpp_a=2bb=3dc=40xmpp.test:hs.test:8448"],
])("%s is %s", (user, id) => {
  expect(ghostOf(user, space)).toBe(id);
  expect(userOf(id, space)).toBe(user);
});

test.each([
  "alice@elsewhere.test",
  "xmpp.test",
  "@xmpp.test",
  "Alice@xmpp.test",
  "a b@xmpp.test",
  "a/b@xmpp.test",
  "ﬁ@xmpp.test",
])("%s has no id", (user) => expect(ghostOf(user, space)).toBeUndefined());

test.each([
  ["another server's", "@_xmpp_alice=40xmpp.test:elsewhere.test"],
  ["another prefix", "@_irc_alice=40xmpp.test:hs.test:8448"],
  ["another domain", "@_xmpp_alice=40elsewhere.test:hs.test:8448"],
  ["an escape of what needs none", "@_xmpp_=61lice=40xmpp.test:hs.test:8448"],
  ["an escape in capitals", "@_xmpp_j=C3=BCrgen=40xmpp.test:hs.test:8448"],
  ["a capital letter in disguise", "@_xmpp_=41lice=40xmpp.test:hs.test:8448"],
  ["bytes that are no UTF-8", "@_xmpp_=ff=40xmpp.test:hs.test:8448"],
  ["half an escape", "@_xmpp_alice=4:hs.test:8448"],
  ["two domains", "@_xmpp_alice=40xmpp.test=40xmpp.test:hs.test:8448"],
  ["a resource", "@_xmpp_alice=40xmpp.test=2fhome:hs.test:8448"],
  ["nobody", "@_xmpp_:hs.test:8448"],
  ["the bot", botOf(space)],
])("%s is no user", (_, id) => expect(userOf(id, space)).toBeUndefined());

/** What an XMPP server makes of a local part. */
const local = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 300 })
  .map((text) =>
    text
      .normalize("NFKC")
      .toLowerCase()
      .replace(/["&'/:<>@\s\p{C}]/gu, ""),
  )
  .filter((text) => text !== "" && text === text.normalize("NFKC").toLowerCase());

test("every user has an id that is valid, ours, and nobody else's", () => {
  const owners = new Map<string, string>();
  fc.assert(
    fc.property(local, (name) => {
      const user = `${name}@xmpp.test`;
      const id = ghostOf(user, space) ?? "";
      expect(Buffer.byteLength(id)).toBeLessThanOrEqual(255);
      expect(isUserId(id) && isOurs(id, space)).toBe(true);
      // Shortened ones are looked up among the accounts.
      if (!id.includes("=z")) expect(userOf(id, space)).toBe(user);
      else expect(userOf(id, space)).toBeUndefined();
      expect(owners.get(id) ?? user).toBe(user);
      owners.set(id, user);
    }),
    { numRuns: 500 },
  );
});

test("an id that leads to a user is the one that the user has", () => {
  const localpart = fc.stringMatching(/^[a-z0-9._=-]{1,40}$/);
  fc.assert(
    fc.property(localpart, (text) => {
      const id = `@_xmpp_${text}=40xmpp.test:hs.test:8448`;
      const user = userOf(id, space);
      if (user !== undefined) expect(ghostOf(user, space)).toBe(id);
    }),
  );
});

test("long names that begin alike stay apart", () => {
  const long = "x".repeat(400);
  const ids = [ghostOf(`${long}a@xmpp.test`, space), ghostOf(`${long}b@xmpp.test`, space)];
  expect(new Set(ids).size).toBe(2);
  expect(ids.every((id) => id?.length === 255)).toBe(true);
});

test("ids are addressable from XMPP", () => {
  const id = ghostOf("alice@xmpp.test", { ...space, serverName: "hs.test" }) ?? "";
  expect(contacts.fromLocal(contacts.toLocal(id) ?? "")).toBe(id);
});
