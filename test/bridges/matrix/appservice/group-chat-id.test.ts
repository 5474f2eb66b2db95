import { expect, test } from "vitest";
import type { GhostSpace } from "../../../../bridges/matrix/appservice/ghost-id.ts";
import { isOurs, userOf } from "../../../../bridges/matrix/appservice/ghost-id.ts";
import { aliasName, aliasOf, chatOf, occupantIdOf } from "../../../../bridges/matrix/appservice/group-chat-id.ts";
import { isUserId } from "../../../../bridges/matrix/ids.ts";

const space: GhostSpace = { prefix: "_xmpp_", serverName: "hs.test:8448", users: "xmpp.test" };

test.each([
  ["lounge@rooms.xmpp.test", "#_xmpp_lounge=40rooms.xmpp.test:hs.test:8448"],
  ["tea+time@rooms.xmpp.test", "#_xmpp_tea=2btime=40rooms.xmpp.test:hs.test:8448"],
  ["grüße@rooms.xmpp.test", "#_xmpp_gr=c3=bc=c3=9fe=40rooms.xmpp.test:hs.test:8448"],
])("%s is %s", (address, alias) => {
  expect(aliasOf(address, space)).toBe(alias);
  expect(chatOf(alias, space)).toBe(address);
  expect(`#${aliasName(alias, space)}:hs.test:8448`).toBe(alias);
});

test.each([
  ["another server's", "#_xmpp_lounge=40rooms.xmpp.test:elsewhere.test"],
  ["another prefix", "#_irc_lounge=40rooms.xmpp.test:hs.test:8448"],
  ["no chat at all", "#_xmpp_lounge:hs.test:8448"],
  ["an escape of what needs none", "#_xmpp_=6counge=40rooms.xmpp.test:hs.test:8448"],
  ["capital letters", "#_xmpp_Lounge=40rooms.xmpp.test:hs.test:8448"],
  ["an occupant", "#_xmpp_lounge=40rooms.xmpp.test=2fann:hs.test:8448"],
  ["nothing", ""],
])("%s is no chat's alias", (_, alias) => expect(chatOf(alias, space)).toBeUndefined());

test("an address that is too long has no alias", () => {
  expect(aliasOf(`${"a".repeat(250)}@rooms.xmpp.test`, space)).toBeUndefined();
});

test("M09: an occupant is one user of ours in one chat, and nobody's account", () => {
  const ann = { id: "o1", nick: "ann" };
  const id = occupantIdOf("lounge@rooms.xmpp.test", ann, space);
  expect(id).toMatch(/^@_xmpp_lounge=o[0-9a-f]{32}:hs\.test:8448$/);
  expect(occupantIdOf("lounge@rooms.xmpp.test", { ...ann, nick: "anne" }, space)).toBe(id);
  expect(occupantIdOf("lounge@rooms.xmpp.test", { ...ann, id: "o2" }, space)).not.toBe(id);
  expect(occupantIdOf("lounge@other.xmpp.test", ann, space)).not.toBe(id);
  expect(isUserId(id) && isOurs(id, space)).toBe(true);
  expect(userOf(id, space)).toBeUndefined();
});
