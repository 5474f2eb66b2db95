// What a homeserver does to its transactions: repeats, mixes up, loses the answer (reliability.md mx-txn-*). No homeserver is
// needed for that: the tests are one.
import { afterEach, beforeEach, expect, test } from "vitest";
import { Disk, domainOptions, type Gateway, ghost, hsToken, startGateway, startWeb, type Web } from "./domain-lab.ts";
import { contact, outgoing } from "../matrix-lab.ts";
import { type FakeHomeserver, startFakeHomeserver } from "./fake-homeserver.ts";

const alice = "alice@xmpp.test";
const aliceId = ghost("alice");
const bob = "@bob:matrix.test";
const roomId = "!dm:matrix.test";

let web: Web;
let homeserver: FakeHomeserver;
let gateway: Gateway;
let disk: Disk;

beforeEach(async () => {
  web = await startWeb();
  homeserver = await startFakeHomeserver();
  disk = new Disk();
  gateway = await startGateway(domainOptions(homeserver.baseUrl, web.url), web, disk);
  await push("0", [member(aliceId, "invite", bob, { is_direct: true }), member(aliceId, "join", aliceId)]);
});
afterEach(async () => {
  await gateway.stop();
  await homeserver.stop();
  await web.stop();
});

let counter = 0;
function member(who: string, membership: string, sender: string, more: object = {}) {
  counter += 1;
  const base = { event_id: `$m${counter}`, room_id: roomId, origin_server_ts: counter };
  return { ...base, type: "m.room.member", state_key: who, sender, content: { membership, ...more } };
}

function said(body: string, id = `$${body}`) {
  const base = { event_id: id, room_id: roomId, origin_server_ts: 1, type: "m.room.message", sender: bob };
  return { ...base, content: { msgtype: "m.text", body } };
}

async function push(id: string, events: readonly unknown[]): Promise<number> {
  const response = await fetch(`${web.url}/_matrix/app/v1/transactions/${id}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${hsToken}` },
    body: JSON.stringify({ events }),
    signal: AbortSignal.timeout(20_000),
  }).catch(() => undefined);
  return response?.status ?? 0;
}

const texts = () => gateway.messagesOf(alice).map(({ text }) => text);

test("takes the same transaction twice, and delivers it once", async () => {
  expect(await push("1", [said("a")])).toBe(200);
  const { commits } = disk;
  expect(await push("1", [said("a")])).toBe(200);
  expect(texts()).toEqual(["a"]);
  expect(disk.commits).toBe(commits);
});

test("delivers an event once that comes in four transactions", async () => {
  for (const id of ["1", "2", "3", "4"]) expect(await push(id, [said("a"), said(`b${id}`)])).toBe(200);
  expect(texts()).toEqual(["a", "b1", "b2", "b3", "b4"]);
});

test("keeps the order of arrival when transactions come in another order than they were numbered", async () => {
  await push("3", [said("c")]);
  await push("1", [said("a")]);
  await push("2", [said("b"), said("c")]);
  expect(texts()).toEqual(["c", "a", "b"]);
});

test("does not go back to an older state when an old event comes again", async () => {
  const join = member("@carol:matrix.test", "join", "@carol:matrix.test");
  await push("1", [join]);
  await push("2", [said("in a room now")]);
  const name = { event_id: "$name1", room_id: roomId, type: "m.room.name", state_key: "", sender: bob };
  await push("3", [{ ...name, content: { name: "old" } }]);
  await push("4", [{ ...name, event_id: "$name2", content: { name: "new" } }]);
  await push("5", [{ ...name, content: { name: "old" } }]);
  // The news is known to the core; what the bridge remembers must not go back either.
  const session = await gateway.session(alice);
  expect(await session.listRooms?.()).toMatchObject([{ id: roomId, name: "new" }]);
});

test("answers 500 while nothing can be stored, then takes the repeat", async () => {
  disk.full = true;
  expect(await push("1", [said("a")])).toBe(500);
  expect(texts()).toEqual([]);
  disk.full = false;
  expect(await push("1", [said("a")])).toBe(200);
  expect(texts()).toEqual(["a"]);
});

test("knows a transaction again whose answer got lost when the gateway was killed", async () => {
  web.script = () => "lose";
  expect(await push("1", [said("a")])).toBe(0);
  web.script = undefined;
  await gateway.stop();
  gateway = await startGateway(domainOptions(homeserver.baseUrl, web.url), web, disk);
  const { commits } = disk;
  expect(await push("1", [said("a")])).toBe(200);
  expect(disk.commits).toBe(commits);
  expect(await push("2", [said("b")])).toBe(200);
  expect(texts()).toEqual(["a", "b"]);
});

test("repeats that come while the first time is still under way wait for the same commit", async () => {
  const before = disk.commits;
  expect(await Promise.all(["1", "1", "1"].map((id) => push(id, [said("a")])))).toEqual([200, 200, 200]);
  expect(disk.commits).toBe(before + 1);
  expect(texts()).toEqual(["a"]);
});

test("a transaction that takes long is put off after ten seconds, and its repeat finds it done", async () => {
  const release = Promise.withResolvers<void>();
  const commit = disk.commit.bind(disk);
  disk.commit = async (parcels, records) => {
    await release.promise;
    await commit(parcels, records);
  };
  const started = performance.now();
  expect(await push("1", [said("a")])).toBe(503);
  expect(performance.now() - started).toBeLessThan(12_000);
  release.resolve();
  expect(await push("1", [said("a")])).toBe(200);
  expect(texts()).toEqual(["a"]);
}, 20_000);

test("takes what is new also when the homeserver counts its transactions from 1 again", async () => {
  // Synapse on SQLite does so after each restart, and every server whose database was put back.
  await push("1", [said("a")]);
  await push("2", [said("b")]);
  expect(await push("1", [said("c")])).toBe(200);
  expect(await push("2", [said("c"), said("d")])).toBe(200);
  expect(texts()).toEqual(["a", "b", "c", "d"]);
});

test("remembers the last hundred transactions, and no more", async () => {
  for (let id = 1; id <= 150; id++) await push(`many${id}`, [said(`text ${id}`)]);
  const kept = await disk.records.load("txn/");
  expect(kept.size).toBe(100);
  const { commits } = disk;
  expect(await push("many150", [said("text 150")])).toBe(200);
  expect(await push("many51", [said("text 51")])).toBe(200);
  expect(disk.commits).toBe(commits);
});

test("goes on in the chat where something was said last, of several with a person, after a restart too", async () => {
  const other = "!other:matrix.test";
  const create = { event_id: "$create", room_id: other, origin_server_ts: 1, type: "m.room.create", state_key: "" };
  await push("1", [{ ...create, sender: aliceId, content: { "org.viaduct.direct_with": bob } }]);
  await push("2", [said("here")]);
  await push("3", [{ ...said("rather here"), room_id: other }]);
  await gateway.stop();
  gateway = await startGateway(domainOptions(homeserver.baseUrl, web.url), web, disk);
  await (await gateway.session(alice)).send(outgoing(contact(bob), "yes"));
  const sent = homeserver.requests.filter((request) => request.includes("/send/m.room.message/"));
  expect(sent).toEqual([expect.stringContaining(`/rooms/${encodeURIComponent(other)}/send/`)]);
});

test("goes on with what it left to do when it was stopped before it did it", async () => {
  homeserver.script = (_method, path) => (path.endsWith("/join") ? 503 : undefined);
  const other = "!other:matrix.test";
  const invitation = { ...member(aliceId, "invite", bob, { is_direct: true }), room_id: other };
  expect(await push("1", [invitation])).toBe(200);
  await gateway.stop();
  homeserver.script = undefined;
  homeserver.requests.length = 0;
  gateway = await startGateway(domainOptions(homeserver.baseUrl, web.url), web, disk);
  await homeserver.until((request) => request === `POST /_matrix/client/v3/rooms/${encodeURIComponent(other)}/join`);
});

test("answers the queries that a homeserver makes", async () => {
  const get = async (path: string) => {
    const response = await fetch(`${web.url}/_matrix/app/v1/${path}`, {
      headers: { authorization: `Bearer ${hsToken}` },
    });
    return [response.status, await response.json()];
  };
  expect(await get(`users/${encodeURIComponent(ghost("dora"))}`)).toEqual([200, {}]);
  expect(disk.accounts.get(ghost("dora"))?.user).toBe("dora@xmpp.test");
  expect(await get(`users/${encodeURIComponent("@_xmpp_dora=40elsewhere.test:matrix.test")}`)).toMatchObject([404, {}]);
  expect(await get(`users/${encodeURIComponent("@bob:matrix.test")}`)).toMatchObject([404, { errcode: "M_NOT_FOUND" }]);
  expect(await get(`rooms/${encodeURIComponent("#_xmpp_tea=40conf.xmpp.test:matrix.test")}`)).toMatchObject([404, {}]);
  expect(await get("thirdparty/user/xmpp?jid=dora@xmpp.test")).toEqual([
    200,
    [{ userid: ghost("dora"), protocol: "xmpp", fields: { jid: "dora@xmpp.test" } }],
  ]);
  expect(await get(`thirdparty/user?userid=${encodeURIComponent(ghost("dora"))}`)).toMatchObject([200, [{}]]);
  expect(await get("thirdparty/protocol/xmpp")).toMatchObject([200, { user_fields: ["jid"] }]);
  expect(await get("thirdparty/protocol/irc")).toMatchObject([404, {}]);
  expect(await get("thirdparty/location/xmpp")).toMatchObject([404, {}]);
  const tea = { alias: "#_xmpp_tea=40rooms.xmpp.test:matrix.test", fields: { room: "tea@rooms.xmpp.test" } };
  expect(await get("thirdparty/location/xmpp?room=tea@rooms.xmpp.test")).toMatchObject([200, [tea]]);
  expect(await get(`thirdparty/location?alias=${encodeURIComponent(tea.alias)}`)).toMatchObject([200, [tea]]);
  expect(await get("nothing")).toMatchObject([404, { errcode: "M_UNRECOGNIZED" }]);
  expect(await get("ping")).toMatchObject([405, { errcode: "M_UNRECOGNIZED" }]);
});
