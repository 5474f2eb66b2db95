// Hostile and broken traffic of an application service (security.md M). The homeserver's half is played by the tests.
import { connect } from "node:net";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FakeHomeserver, startFakeHomeserver } from "../bridges/matrix/appservice/fake-homeserver.ts";
import {
  bot,
  Disk,
  domainOptions,
  type Gateway,
  ghost,
  hsToken,
  startGateway,
  startWeb,
  type Web,
} from "../bridges/matrix/appservice/domain-lab.ts";
import { contact, outgoing, waitFor } from "../bridges/matrix/matrix-lab.ts";

const alice = "alice@xmpp.test";
const aliceId = ghost("alice");
const anna = "anna@xmpp.test";
const bob = "@bob:matrix.test";
const carol = "@carol:matrix.test";
const dm = "!dm:matrix.test";

let web: Web;
let homeserver: FakeHomeserver;
let gateway: Gateway;
let disk: Disk;

beforeEach(async () => {
  web = await startWeb();
  homeserver = await startFakeHomeserver();
  disk = new Disk();
  await start();
});
afterEach(async () => {
  await gateway.stop();
  await homeserver.stop();
  await web.stop();
});

async function start(more: object = {}): Promise<void> {
  gateway = await startGateway(domainOptions(homeserver.baseUrl, web.url, more), web, disk);
}

let counter = 0;
const next = (): string => String((counter += 1));

function member(who: string, membership: string, sender: string, room = dm, more: object = {}) {
  const id = `$m${next()}`;
  const content = { membership, ...more };
  return { event_id: id, room_id: room, origin_server_ts: 1, type: "m.room.member", state_key: who, sender, content };
}

function said(body: unknown, sender = bob, room = dm, content: object = {}) {
  const id = `$s${next()}`;
  const words = { msgtype: "m.text", body, ...content };
  return { event_id: id, room_id: room, origin_server_ts: 1, type: "m.room.message", sender, content: words };
}

async function put(path: string, body: string, headers: Record<string, string> = authorized): Promise<Response> {
  const url = `${web.url}/_matrix/app/v1/${path}`;
  return fetch(url, { method: "PUT", headers, body, signal: AbortSignal.timeout(15_000) });
}

const authorized = { authorization: `Bearer ${hsToken}` };

async function push(events: readonly unknown[], more: object = {}): Promise<number> {
  return (await put(`transactions/t${next()}`, JSON.stringify({ events, ...more }))).status;
}

async function chat(): Promise<void> {
  await push([member(aliceId, "invite", bob, dm, { is_direct: true }), member(aliceId, "join", aliceId)]);
}

const texts = (user = alice) => gateway.messagesOf(user).map(({ text }) => text);

describe("M01: whoever is not the homeserver", () => {
  test.each([
    ["no token", {}, 401, "M_MISSING_TOKEN"],
    ["a wrong token", { authorization: `Bearer ${"x".repeat(40)}` }, 403, "M_FORBIDDEN"],
    ["a part of the token", { authorization: `Bearer ${hsToken.slice(0, -1)}` }, 403, "M_FORBIDDEN"],
    ["another scheme", { authorization: `Basic ${hsToken}` }, 401, "M_MISSING_TOKEN"],
    ["an empty token", { authorization: "Bearer " }, 401, "M_MISSING_TOKEN"],
  ])("%s is refused, on every route", async (_, headers, status, errcode) => {
    await chat();
    const answer = await put(
      "transactions/1",
      JSON.stringify({ events: [said("forged")] }),
      headers as Record<string, string>,
    );
    expect([answer.status, await answer.json()]).toMatchObject([status, { errcode }]);
    for (const path of ["users/x", "rooms/x", "thirdparty/protocol/xmpp", "nothing"]) {
      expect(
        (await fetch(`${web.url}/_matrix/app/v1/${path}`, { headers: headers as Record<string, string> })).status,
      ).toBe(status);
    }
    expect(texts()).toEqual([]);
  });

  test("the right token in the query does not count", async () => {
    await chat();
    const answer = await put(
      `transactions/1?access_token=${hsToken}`,
      JSON.stringify({ events: [said("forged")] }),
      {},
    );
    expect(answer.status).toBe(401);
    expect(texts()).toEqual([]);
  });

  test("the answer comes before the body does", async () => {
    const socket = connect(web.port, "127.0.0.1");
    const head = `PUT /_matrix/app/v1/transactions/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n{`;
    const answer = new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString())));
    socket.write(head);
    expect(await answer).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });
});

describe("M02: repeats", () => {
  test("an event that comes twice in one transaction and again in others is delivered once, in order of arrival", async () => {
    await chat();
    const [a, b] = [said("a"), said("b")];
    await push([b, b, a]);
    await push([a, b, said("c"), a]);
    expect(texts()).toEqual(["b", "a", "c"]);
  });

  test("an invitation that comes again is accepted once", async () => {
    const invitation = member(aliceId, "invite", bob, dm, { is_direct: true });
    await push([invitation]);
    await homeserver.until((request) => request.endsWith("/join"));
    await push([invitation, invitation]);
    await push([invitation]);
    expect(homeserver.requests.filter((request) => request.endsWith("/join"))).toHaveLength(1);
  });
});

describe("M03: events that are none", () => {
  test.each([
    ["not JSON", "{", 400],
    ["no object", "[]", 400],
    ["null", "null", 400],
    ["no list", '{"events":{}}', 400],
    ["nothing", "", 400],
  ])("a body that is %s is refused as such", async (_, body, status) => {
    expect((await put(`transactions/t${next()}`, body)).status).toBe(status);
  });

  test("a transaction of 50 MB is refused, and the next one is taken", async () => {
    await chat();
    const answer = await put("transactions/big", JSON.stringify({ events: [said("x".repeat(50_000_000))] })).catch(
      () => undefined,
    );
    expect(answer?.status ?? 413).toBe(413);
    expect(await push([said("small")])).toBe(200);
    expect(texts()).toEqual(["small"]);
  }, 20_000);

  test("any JSON in place of an event is taken and does no harm", async () => {
    await chat();
    const names = [
      "event_id",
      "room_id",
      "type",
      "sender",
      "state_key",
      "content",
      "unsigned",
      "__proto__",
      "constructor",
    ];
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.constantFrom(dm, bob, aliceId, "$x"))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(odd, { maxLength: 5 }), fc.array(odd, { maxLength: 3 }), async (events, ephemeral) => {
        expect(await push(events, { ephemeral })).toBe(200);
      }),
      { numRuns: 60 },
    );
    await push([said("still here")]);
    expect(texts()).toContain("still here");
  }, 20_000);

  test("names of prototypes, numbers and depth are only content", async () => {
    await chat();
    const deep = `{"events":[${"[".repeat(1000)}${"]".repeat(1000)}]}`;
    expect((await put(`transactions/t${next()}`, deep)).status).toBe(200);
    const forged = `{"events":[{"__proto__":{"event_id":"$p","room_id":"${dm}"},"type":"m.room.message","sender":"${bob}"}]}`;
    expect((await put(`transactions/t${next()}`, forged)).status).toBe(200);
    expect(await push([said(17), said(null), said({ constructor: 1 }), said("words")])).toBe(200);
    expect(texts().at(-1)).toBe("words");
    expect(gateway.messagesOf(alice)).toHaveLength(4);
  });
});

describe("M04: echoes", () => {
  test("what a user of ours says, types and shows is not told to that user", async () => {
    await chat();
    await push([said("from XMPP", aliceId)], {
      ephemeral: [
        { type: "m.typing", room_id: dm, content: { user_ids: [aliceId] } },
        { type: "m.presence", sender: aliceId, content: { presence: "online" } },
        { type: "m.receipt", room_id: dm, content: { $x: { "m.read": { [aliceId]: { ts: 1 } } } } },
      ],
    });
    expect(gateway.eventsOf(alice)).toEqual([]);
    expect(gateway.hints).toEqual([]);
  });

  test("what another user of ours types is not told either", async () => {
    const room = "!room:matrix.test";
    for (const id of [aliceId, ghost("anna")])
      await push([member(id, "invite", bob, room), member(id, "join", id, room)]);
    await gateway.session(alice);
    await gateway.session(anna);
    await push([], { ephemeral: [{ type: "m.typing", room_id: room, content: { user_ids: [ghost("anna"), bob] } }] });
    expect(gateway.hints).toHaveLength(2);
    expect(new Set(gateway.hints.map(({ from }) => from))).toEqual(new Set([bob]));
  });

  test("the bot does not answer itself or other users of ours", async () => {
    const room = "!bot:matrix.test";
    await push([member(bot, "invite", bob, room, { is_direct: true }), member(bot, "join", bot, room)]);
    await push([said("help", bot, room), said("help", ghost("anna"), room)]);
    await push([said("help", bob, room)]);
    await homeserver.until((request) => request.includes("answer."));
    expect(homeserver.requests.filter((request) => request.includes("answer."))).toHaveLength(1);
  });
});

describe("M05: machines", () => {
  test("a notice is never answered, neither by the bot nor for the user", async () => {
    const room = "!bot:matrix.test";
    await push([member(bot, "invite", bob, room, { is_direct: true }), member(bot, "join", bot, room)]);
    await push([said("help", bob, room, { msgtype: "m.notice" }), said("help", bob, room, { msgtype: "m.emote" })]);
    await chat();
    await push([said("I am a machine", bob, dm, { msgtype: "m.notice" })]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(homeserver.requests.filter((request) => request.includes("/send/"))).toEqual([]);
    expect(gateway.messagesOf(alice)[0]).toMatchObject({ text: "I am a machine", automatic: true });
  });

  test("the bot answers one person ten times a minute at most with more than a word", async () => {
    const room = "!bot:matrix.test";
    await push([member(bot, "invite", bob, room, { is_direct: true }), member(bot, "join", bot, room)]);
    await push(Array.from({ length: 30 }, (_, index) => said(`chat victim${index}`, bob, room)));
    await waitFor(
      () => homeserver.requests.filter((request) => request.includes("answer.")).length === 30,
      "all answers",
      () => homeserver.requests.slice(-5).join("\n"),
    );
    expect(homeserver.requests.filter((request) => request.endsWith("/createRoom"))).toHaveLength(10);
  });
});

describe("M08: the bot's commands", () => {
  test.each([
    "chat alice@xmpp.test\nchat anna@xmpp.test",
    "chat ../../x",
    "chat @bob:matrix.test",
    "find __proto__",
    "constructor",
  ])("%j makes nothing but an answer", async (line) => {
    const room = "!bot:matrix.test";
    await push([member(bot, "invite", bob, room, { is_direct: true }), member(bot, "join", bot, room)]);
    await push([said(line, bob, room)]);
    await homeserver.until((request) => request.includes("answer."));
    expect(homeserver.requests.filter((request) => request.endsWith("/createRoom"))).toEqual([]);
  });
});

describe("M21: a registration that claims too much", () => {
  test("a homeserver that lets the gateway speak for everybody is not worked with", async () => {
    await gateway.stop();
    homeserver.script = (_method, path) => (path.endsWith("/whoami") ? {} : undefined);
    await start();
    await waitFor(
      () =>
        gateway.log.some((line) => line.startsWith("error the registration claims users that are not the gateway's")),
      "the refusal",
      () => gateway.log.join("\n"),
    );
    expect(await push([said("to nobody")])).toBe(500);
    await expect((await gateway.session(alice)).send(outgoing(contact(bob), "from nobody"))).rejects.toMatchObject({
      kind: "retry",
    });
  });

  test.each(["_", "xmpp_", "__", "_x_", ".*", "_xmpp", "_xmpp_|"])("the prefix %j is refused", (prefix) => {
    expect(() => domainOptions(homeserver.baseUrl, web.url, { prefix })).toThrow("something between two underscores");
  });
});

describe("M22: floods of users", () => {
  test("invitations from Matrix make no more users in an hour than the operator allows", async () => {
    await gateway.stop();
    await start({ ghostsPerHour: 5 });
    for (let index = 0; index < 20; index++) {
      const who = ghost(`flood${index}`);
      await push([member(who, "invite", carol, `!flood${index}:matrix.test`, { is_direct: true })]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const registered = () => homeserver.requests.filter((request) => request.endsWith("/register"));
    expect(registered()).toHaveLength(5);
    // Users who are there already are not held up.
    await push([member(ghost("flood0"), "invite", bob, "!later:matrix.test", { is_direct: true })]);
    await homeserver.until((request) => request.includes(encodeURIComponent("!later:matrix.test")));
    expect(registered()).toHaveLength(5);
  });

  test("on the XMPP side the sixth waits, and says so", async () => {
    await gateway.stop();
    await start({ ghostsPerHour: 5 });
    const send = async (name: string) =>
      (await gateway.session(`${name}@xmpp.test`)).send(outgoing(contact(bob), "hi"));
    for (let index = 0; index < 5; index++) await send(`user${index}`);
    const error: unknown = await send("user5").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ kind: "retry", condition: "resource-constraint" });
    expect((error as { retryAfter: number }).retryAfter).toBeGreaterThan(3_000_000);
  });

  test("a name that exists already on the homeserver is used", async () => {
    await gateway.stop();
    homeserver.script = (_method, path) => (path.endsWith("/register") ? "M_USER_IN_USE" : undefined);
    await start();
    await (await gateway.session(alice)).send(outgoing(contact(bob), "hi"));
    expect(homeserver.requests.some((request) => request.includes("/send/"))).toBe(true);
  });

  test("presence of XMPP users makes no users on Matrix", async () => {
    await (await gateway.session(alice)).setPresence?.("online", undefined);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(homeserver.requests.filter((request) => request.endsWith("/register"))).toEqual([]);
  });
});

describe("M07, M13: rooms that nobody of ours is in", () => {
  test("what is said before and after the user's time there is not told", async () => {
    const room = "!room:matrix.test";
    await push([said("before", bob, room)]);
    await push([member(aliceId, "invite", bob, room)]);
    await push([said("while invited", bob, room)]);
    await push([member(aliceId, "join", aliceId, room), said("inside", bob, room)]);
    await push([member(aliceId, "ban", bob, room), said("after", bob, room)]);
    expect(texts()).toEqual(["inside"]);
    expect([...(await disk.records.load("room/")).keys()]).toEqual([]);
  });
});
