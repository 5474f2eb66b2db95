import { describe, expect, it } from "vitest";
import {
  isEventId,
  isRoomAlias,
  isRoomId,
  isServerName,
  isUserId,
  parseMatrixLink,
  parseMxc,
  parseUserId,
} from "../../../bridges/matrix/ids.ts";

describe("server names", () => {
  it.each([
    "example.org",
    "localhost",
    "matrix.example.org:8448",
    "1.2.3.4",
    "1.2.3.4:80",
    "[::1]",
    "[1234:5678::abcd]:5678",
  ])("are %s", (name) => expect(isServerName(name)).toBe(true));
  it.each([
    "",
    ":80",
    "example.org:",
    "example.org:99999",
    "a..b",
    ".",
    "..",
    "-a",
    "a/b",
    "a b",
    "[::1",
    "u@h",
    "a?b",
    "a#b",
    "a\n",
  ])("are not %j", (name) => expect(isServerName(name)).toBe(false));
});

describe("user ids", () => {
  it.each([
    ["@alice:example.org", "alice", "example.org"],
    ["@Alice!:example.org:8448", "Alice!", "example.org:8448"],
    ["@a.b_c=d-e/f+1:[::1]:80", "a.b_c=d-e/f+1", "[::1]:80"],
    ["@лиза:example.org", "лиза", "example.org"],
  ])("are read: %s", (id, localpart, server) => {
    expect(parseUserId(id)).toEqual({ localpart, server });
  });
  it.each([
    "alice:example.org",
    "@alice",
    "@:example.org",
    "@alice:",
    "@al ice:example.org",
    "@alice\n:example.org",
    "@alice:example.org/x",
    "@a\u202eb:example.org",
    `@${"a".repeat(250)}:example.org`,
    42,
    null,
    undefined,
    { toString: () => "@alice:example.org" },
  ])("are refused: %j", (id) => {
    expect(isUserId(id)).toBe(false);
  });
});

describe("rooms and events", () => {
  it.each(["!abc:example.org", "!GmuNeDXOmlYWlFbKXf:example.org", "!5GexpHxgSDfGSDFgsd3sdf4DFG43sdfgDFGsdf4dfgs"])(
    "%s is a room id",
    (id) => expect(isRoomId(id)).toBe(true),
  );
  it.each(["!", "!:example.org", "! a:b", "#abc:example.org", "!abc:../..", "!a\u0000", "!é:example.org", 1])(
    "%j is no room id",
    (id) => expect(isRoomId(id)).toBe(false),
  );
  it.each(["#room:example.org", "#Über uns".replace(" ", "_") + ":example.org"])("%s is an alias", (id) =>
    expect(isRoomAlias(id)).toBe(true),
  );
  it.each(["#room", "#:example.org", "#a b:example.org", "#a\r\n:example.org"])("%j is no alias", (id) =>
    expect(isRoomAlias(id)).toBe(false),
  );
  it.each([
    "$abc:example.org",
    "$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg",
    "$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk",
  ])("%s is an event id", (id) => expect(isEventId(id)).toBe(true));
  it.each(["$", "abc", "$a b", "$a\n", `$${"a".repeat(255)}`, null, ["$a"]])("%j is no event id", (id) =>
    expect(isEventId(id)).toBe(false),
  );
});

describe("parseMxc", () => {
  it.each([
    ["mxc://example.org/AbC_-9", "example.org", "AbC_-9"],
    ["mxc://example.org:8448/x", "example.org:8448", "x"],
    ["mxc://[::1]:80/x", "[::1]:80", "x"],
  ])("reads %s", (uri, server, mediaId) => {
    expect(parseMxc(uri)).toEqual({ server, mediaId });
  });
});

describe("parseMatrixLink", () => {
  it.each([
    ["https://matrix.to/#/@alice:example.org", { id: "@alice:example.org" }],
    ["https://matrix.to/#/%40alice%3Aexample.org", { id: "@alice:example.org" }],
    ["https://matrix.to/#/#room:example.org?via=example.org", { id: "#room:example.org" }],
    ["https://matrix.to/#/!room:example.org/$event?via=x.org", { id: "!room:example.org", event: "$event" }],
    ["matrix:u/alice:example.org", { id: "@alice:example.org" }],
    ["matrix:r/room:example.org?action=join", { id: "#room:example.org" }],
    ["matrix:roomid/abc:example.org/e/xyz", { id: "!abc:example.org", event: "$xyz" }],
  ])("reads %s", (text, link) => {
    expect(parseMatrixLink(text)).toEqual(link);
  });
  it.each([
    "https://matrix.to.evil.example/#/@alice:example.org",
    "https://matrix.to/#/",
    "https://matrix.to/#/%E0%A4%A",
    "https://matrix.to/#/!room:example.org/%0a",
    "matrix:x/alice:example.org",
    "alice",
  ])("refuses %s", (text) => {
    expect(parseMatrixLink(text)).toBeUndefined();
  });
});
