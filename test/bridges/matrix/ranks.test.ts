import { describe, expect, it } from "vitest";
import { rankOf } from "../../../bridges/matrix/events/ranks.ts";

const create = (version: string, more: object = {}): unknown => ({
  type: "m.room.create",
  sender: "@founder:example.org",
  content: { room_version: version, ...more },
});

describe("rankOf", () => {
  const levels: unknown = JSON.parse(`{
    "ban": 50, "kick": 50, "redact": 50, "state_default": 50, "events_default": 0, "users_default": 0,
    "users": {"@owner:example.org": 100, "@mod:example.org": 50, "@text:example.org": "50", "@muted:example.org": -1}
  }`);

  it.each([
    ["@owner:example.org", "owner"],
    ["@mod:example.org", "admin"],
    ["@text:example.org", "admin"],
    ["@alice:example.org", "member"],
    ["@muted:example.org", "visitor"],
    ["@founder:example.org", "member"],
  ])("of %s is %s", (user, rank) => {
    expect(rankOf(levels, create("10"), user)).toBe(rank);
  });

  it("makes visitors of those who may not speak", () => {
    expect(rankOf({ events_default: 10 }, create("10"), "@alice:example.org")).toBe("visitor");
    expect(rankOf({ events_default: 10, events: { "m.room.message": 0 } }, create("10"), "@alice:example.org")).toBe(
      "member",
    );
  });

  it("gives the founder 100 where the room has no levels", () => {
    expect(rankOf(undefined, create("1"), "@founder:example.org")).toBe("owner");
    expect(rankOf(undefined, create("1"), "@alice:example.org")).toBe("member");
  });

  it("makes owners of the creators from room version 12 on", () => {
    const room = create("12", { additional_creators: ["@second:example.org", 5] });
    expect(rankOf(levels, room, "@founder:example.org")).toBe("owner");
    expect(rankOf(levels, room, "@second:example.org")).toBe("owner");
    expect(rankOf(levels, create("11", { additional_creators: ["@second:example.org"] }), "@second:example.org")).toBe(
      "member",
    );
  });

  it("M03: takes levels that are none for absent", () => {
    for (const odd of [null, 5, "x", [], { users: null }, { users: [] }, { users_default: {} }, { kick: "1e9" }])
      expect(rankOf(odd, odd, "@alice:example.org")).toBe("member");
    expect(rankOf(JSON.parse(`{"users": {"__proto__": 100}}`), {}, "@alice:example.org")).toBe("member");
    expect(rankOf({ users: {} }, {}, "constructor")).toBe("member");
  });
});
