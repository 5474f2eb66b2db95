import { expect, it } from "vitest";
import { createApi } from "../../../bridges/matrix/api.ts";
import { Recipients } from "../../../bridges/matrix/recipients.ts";
import type { RoomEvent } from "../../../bridges/matrix/wire.ts";

const roomId = "!r:example.org";
const member = (user: string, membership: string): RoomEvent => ({
  event_id: `$${user}-${membership}`,
  type: "m.room.member",
  sender: user,
  state_key: user,
  origin_server_ts: 1,
  content: { membership },
});

/** A homeserver that knows these members. `asked` counts the lists it gave; `before` comes before each answer. */
function serverOf(...members: RoomEvent[]) {
  const server = { asked: 0, before: async () => {} };
  const api = createApi({
    baseUrl: "https://hs.example.org",
    async fetch() {
      server.asked += 1;
      const body = JSON.stringify({ chunk: members });
      await server.before();
      return new Response(body);
    },
    signal: new AbortController().signal,
  });
  return { server, recipients: new Recipients(api) };
}

it("asks once for a room, and follows who comes and goes", async () => {
  const { server, recipients } = serverOf(member("@a:x", "join"), member("@b:x", "invite"), member("@c:x", "ban"));
  expect(await recipients.of(roomId, undefined)).toEqual(["@a:x", "@b:x"]);
  recipients.apply(roomId, member("@d:x", "join"));
  recipients.apply(roomId, member("@a:x", "leave"));
  recipients.apply("!other:example.org", member("@e:x", "join"));
  expect(await recipients.of(roomId, undefined)).toEqual(["@b:x", "@d:x"]);
  expect(server.asked).toBe(1);
});

it("leaves out who is invited where history is for members only", async () => {
  const { recipients } = serverOf(member("@a:x", "join"), member("@b:x", "invite"));
  expect(await recipients.of(roomId, "joined")).toEqual(["@a:x"]);
  recipients.apply(roomId, member("@b:x", "join"));
  expect(await recipients.of(roomId, "joined")).toEqual(["@a:x", "@b:x"]);
});

it("does not trust a list that something happened to on its way", async () => {
  const { server, recipients } = serverOf(member("@a:x", "join"));
  server.before = async () => recipients.apply(roomId, member("@b:x", "join"));
  await recipients.of(roomId, undefined);
  server.before = async () => {};
  await recipients.of(roomId, undefined);
  expect(server.asked).toBe(2);
});

it("asks again after a gap", async () => {
  const { server, recipients } = serverOf(member("@a:x", "join"));
  await recipients.of(roomId, undefined);
  recipients.forget(roomId);
  await recipients.of(roomId, undefined);
  expect(server.asked).toBe(2);
});

it("keeps no list of a huge room", async () => {
  const crowd = Array.from({ length: 20_001 }, (_, index) => member(`@u${index}:x`, "join"));
  const { server, recipients } = serverOf(...crowd);
  expect(await recipients.of(roomId, undefined)).toHaveLength(20_001);
  await recipients.of(roomId, undefined);
  expect(server.asked).toBe(2);
});
