// What homeservers and lines do wrong (security.md M15, M16, M20), seen by a session.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { MatrixCredentials } from "../../../bridges/matrix/credentials.ts";
import type { BridgeError } from "../../../src/bridge/index.ts";
import { MemoryHost } from "../../../src/bridge/test-kit.ts";
import { MatrixPerson, saying } from "../../kit/matrix-person.ts";
import { startSynapse, type Synapse } from "../../lab/synapse.ts";
import { type HomeserverProxy, type Script, startHomeserverProxy } from "./homeserver-proxy.ts";
import { contact, live, outgoing, room, signIn, waitFor } from "./matrix-lab.ts";

let synapse: Synapse;
let proxy: HomeserverProxy;
let bob: MatrixPerson;
let alice: MatrixCredentials;
let users = 0;

beforeAll(async () => {
  const settings = {
    refreshable_access_token_lifetime: "3s",
    nonrefreshable_access_token_lifetime: "1h",
    caches: { sync_response_cache_duration: "0s" }, // answers of the past are not repeated
  };
  synapse = await startSynapse({ users: { bob: "secret" }, settings });
  proxy = await startHomeserverProxy(synapse.baseUrl);
  bob = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "bob", password: "secret" });
}, 60_000);
afterAll(async () => {
  bob.stop();
  await proxy.stop();
  await synapse.stop();
});
beforeEach(async () => {
  proxy.script = undefined;
  users += 1;
  await synapse.addUser(`alice${users}`, "secret");
  alice = { ...(await signIn(synapse, `alice${users}`)), baseUrl: proxy.baseUrl };
});

async function inRoom() {
  const account = await live(alice);
  await account.state("online");
  const roomId = await bob.createRoom({ name: "Trouble", invite: [alice.userId] });
  await account.until((event) => event.type === "room", "the invitation");
  await account.session.join(roomId);
  return { ...account, roomId };
}

const errorOf = (work: Promise<unknown>): Promise<BridgeError> =>
  work.then(
    () => Promise.reject(new Error("it worked")),
    (error: BridgeError) => error,
  );

const onSend =
  (answer: ReturnType<Script>): Script =>
  (method, path) =>
    method === "PUT" && path.includes("/send/") ? answer : undefined;

const onSync =
  (answer: ReturnType<Script>): Script =>
  (_method, path) =>
    path.includes("/v3/sync") ? answer : undefined;

test.each([
  [
    "429 with patience asked for",
    { status: 429, body: '{"errcode":"M_LIMIT_EXCEEDED","error":"slow","retry_after_ms":4321}' },
    { kind: "retry", retryAfter: 4321, uncertain: false },
  ],
  [
    "429 with a header",
    { status: 429, body: "", headers: { "retry-after": "7" } },
    { kind: "retry", retryAfter: 7000 },
  ],
  ["a page of a proxy", { status: 502, body: "<html>" }, { kind: "retry", uncertain: true }],
  ["200 with garbage", { status: 200, body: "{{{{" }, { kind: "retry", uncertain: true }],
  ["200 with a list", { status: 200, body: "[]" }, { kind: "retry", uncertain: true }],
  ["200 without an event id", { status: 200, body: "{}" }, { kind: "retry", uncertain: true }],
  [
    "too large",
    { status: 413, body: '{"errcode":"M_TOO_LARGE","error":"no"}' },
    { kind: "reject", condition: "policy-violation" },
  ],
  [
    "forbidden",
    { status: 403, body: '{"errcode":"M_FORBIDDEN","error":"no\\nreally \\u202e"}' },
    { kind: "reject", condition: "forbidden", message: 'The Matrix server does not allow that: "no really"' },
  ],
] as const)("a send answered with %s says what that means", async (_name, answer, expected) => {
  const { session, roomId, end } = await inRoom();
  proxy.script = onSend(answer);
  expect(await errorOf(session.send(outgoing(room(roomId), "hello")))).toMatchObject(expected);
  await end();
});

test("one attempt per send", async () => {
  const { session, roomId, end } = await inRoom();
  proxy.script = onSend({ status: 503, body: "" });
  const from = proxy.requests.length;
  await errorOf(session.send(outgoing(room(roomId), "hello")));
  expect(proxy.requests.slice(from).filter((request) => request.includes("/send/"))).toHaveLength(1);
  await end();
});

test("garbage, cuts and storms of 429 on the sync end in online again, without loss", async () => {
  const { roomId, message, host, state, end } = await inRoom();
  const answers: ReturnType<Script>[] = [
    { status: 200, body: "garbage" },
    "cut",
    { status: 429, body: '{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":50}' },
    { status: 504, body: "<html>" },
    { status: 200, body: '{"next_batch":7}' },
    "lose",
  ];
  for (const [index, answer] of answers.entries()) {
    proxy.script = onSync(answer);
    await bob.say(roomId, `through ${index}`);
    await state("retrying");
    proxy.script = undefined;
    await message(`through ${index}`);
    await state("online");
  }
  expect(host.committed.flatMap((event) => (event.type === "message" ? [event.text] : []))).toEqual(
    answers.map((_answer, index) => `through ${index}`),
  );
  await end();
}, 60_000);

test("patience that is asked for is had", async () => {
  const { state, end } = await inRoom();
  proxy.script = onSync({ status: 429, headers: { "retry-after": "2" }, body: "{}" });
  await state("retrying");
  const from = proxy.requests.length;
  const begun = Date.now();
  proxy.script = undefined;
  await state("online");
  expect(Date.now() - begun).toBeGreaterThan(1000);
  expect(proxy.requests.slice(from).filter((request) => request.includes("/sync")).length).toBeLessThan(4);
  await end();
});

test("a closing session does not wait for a poll or for patience", async () => {
  const { state, end } = await inRoom();
  proxy.script = onSync({ status: 429, headers: { "retry-after": "600" }, body: "{}" });
  await state("retrying");
  const begun = Date.now();
  await end();
  expect(Date.now() - begun).toBeLessThan(500);
});

test("a gap that the server does not show is told of", async () => {
  const { host, roomId, end } = await inRoom();
  await end();
  for (let index = 0; index < 70; index++) await bob.say(roomId, `while away ${index}`);
  const second = new MemoryHost(host.cursor);
  await second.records.save(host.records.map);
  proxy.script = (_method, path) =>
    path.includes("/messages") ? { status: 403, body: '{"errcode":"M_FORBIDDEN"}' } : undefined;
  const again = await live(alice, second);
  await again.message("while away 69");
  const texts = second.committed.flatMap((event) => (event.type === "message" ? [event.text] : []));
  expect(texts[0]).toContain("missing here");
  expect(texts.slice(1)).toEqual(Array.from({ length: 50 }, (_, index) => `while away ${index + 20}`));
  await again.end();
});

test("a sync token that the server does not know is no loss", async () => {
  const { host, roomId, message, end } = await inRoom();
  await bob.say(roomId, "before");
  await message("before");
  await end();
  for (let index = 0; index < 60; index++) await bob.say(roomId, `meanwhile ${index}`);
  const second = new MemoryHost(host.cursor);
  await second.records.save(host.records.map);
  const { since } = host.cursor as { since: string };
  proxy.script = (_method, path) =>
    path.includes("/sync") && path.includes(`since=${since}`)
      ? { status: 400, body: '{"errcode":"M_INVALID_PARAM"}' }
      : undefined;
  const again = await live(alice, second);
  await again.message("meanwhile 59");
  const texts = second.committed.flatMap((event) => (event.type === "message" ? [event.text] : []));
  expect(texts).toEqual(Array.from({ length: 60 }, (_, index) => `meanwhile ${index}`));
  await again.end();
});

test("a homeserver that was away is found again", async () => {
  const { session, roomId, state, message, end } = await inRoom();
  await synapse.stop({ keep: true });
  await state("retrying");
  expect(await errorOf(session.send(outgoing(room(roomId), "nobody there")))).toMatchObject({ kind: "retry" });
  await synapse.start();
  await state("online");
  await waitFor(
    () => bob.client.getSyncState() === "SYNCING",
    "Bob",
    () => String(bob.client.getSyncState()),
  );
  await bob.say(roomId, "back again");
  await message("back again");
  await end();
}, 60_000);

test("tokens are renewed by one, kept over a restart, and given up when they are refused", async () => {
  alice = { ...(await signIn(synapse, `alice${users}`, true)), baseUrl: proxy.baseUrl };
  const first = await live(alice);
  await first.state("online");
  // More than a token's life.
  await new Promise((resolve) => setTimeout(resolve, 3500));
  const from = proxy.requests.length;
  await Promise.all([first.session.search("bob"), first.session.search("bob"), first.session.search("bob")]);
  expect(proxy.requests.slice(from).filter((request) => request.endsWith("/refresh")).length).toBeLessThan(2);
  await first.end();
  const host = new MemoryHost(first.host.cursor);
  await host.records.save(first.host.records.map);
  const second = await live(alice, host);
  await second.state("online");
  await second.end();

  const withoutRecords = await live(alice, new MemoryHost(first.host.cursor));
  await withoutRecords.state("login-required");
  await withoutRecords.end();
}, 30_000);

test("accounts at one time never send as each other", async () => {
  const names = Array.from({ length: 12 }, (_, index) => `crowd${index}`);
  const roomId = await bob.createRoom({ name: "Crowd", public: true });
  const sessions = await Promise.all(
    names.map(async (name) => {
      await synapse.addUser(name, "secret");
      const account = await live({ ...(await signIn(synapse, name)), baseUrl: proxy.baseUrl });
      await account.state("online");
      await account.session.join(roomId);
      return account;
    }),
  );
  await Promise.all(
    sessions.flatMap(({ session }, index) =>
      Array.from({ length: 8 }, (_, turn) => session.send(outgoing(room(roomId), `I am crowd${index} ${turn}`))),
    ),
  );
  const { chunk } = await bob.client.createMessagesRequest(roomId, null, 200, "b" as never);
  const said = chunk.filter(({ type }) => type === "m.room.message");
  expect(said).toHaveLength(96);
  for (const { sender, content } of said)
    expect(content["body"]).toMatch(new RegExp(`^I am ${sender.slice(1).split(":")[0]} \\d$`));
  for (const account of sessions) await account.end();
}, 60_000);

test("a message to a person while the room is being made is not sent twice", async () => {
  const { session, end } = await inRoom();
  proxy.script = (_method, path) => (path.includes("/createRoom") ? "lose" : undefined);
  const message = outgoing(contact(bob.userId), "one chat only");
  expect(await errorOf(session.send(message))).toMatchObject({ kind: "retry" });
  proxy.script = undefined;
  await new Promise((resolve) => setTimeout(resolve, 300));
  await session.send({ ...message, uncertain: true });
  const roomId = await bob.nextInvite();
  await bob.join(roomId);
  await bob.next(saying("one chat only"));
  expect(proxy.requests.filter((request) => request.includes("createRoom")).length).toBe(1);
  await end();
});
