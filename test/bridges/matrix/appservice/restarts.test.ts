// Domain mode while a homeserver or the gateway itself goes away and comes back.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { MatrixPerson, saying } from "../../../kit/matrix-person.ts";
import type { Synapse } from "../../../lab/synapse.ts";
import { type HomeserverProxy, startHomeserverProxy } from "../homeserver-proxy.ts";
import { contact, outgoing, waitFor } from "../matrix-lab.ts";
import {
  Disk,
  domainOptions,
  type Gateway,
  ghost,
  startDomainSynapse,
  startGateway,
  startWeb,
  type Web,
} from "./domain-lab.ts";

let web: Web;
let synapse: Synapse;
let proxy: HomeserverProxy;
let gateway: Gateway;
let disk: Disk;
let bob: MatrixPerson;
let users = 0;
let alice: string;
let aliceId: string;

beforeAll(async () => {
  web = await startWeb();
  synapse = await startDomainSynapse(web);
  proxy = await startHomeserverProxy(synapse.baseUrl);
  bob = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "bob", password: "secret" });
}, 60_000);
afterAll(async () => {
  bob.stop();
  await proxy.stop();
  await synapse.stop();
  await web.stop();
});
beforeEach(async () => {
  users += 1;
  alice = `alice${users}@xmpp.test`;
  aliceId = ghost(`alice${users}`);
  disk = new Disk();
  await start();
});
afterEach(async () => {
  web.script = undefined;
  proxy.script = undefined;
  await gateway.stop();
});

async function start(): Promise<void> {
  gateway = await startGateway(domainOptions(proxy.baseUrl, web.url), web, disk);
}

async function chatting(): Promise<string> {
  const roomId = await bob.createDm(aliceId);
  await bob.until(() => bob.members(roomId).includes(aliceId), { what: "the ghost joins", timeoutMs: 20_000 });
  return roomId;
}

const texts = () => gateway.messagesOf(alice).map(({ text }) => text);

test("a transaction that was committed and not answered, by the death of the gateway, is delivered once", async () => {
  const roomId = await chatting();
  const pushed = () => web.transactions.filter(({ body }) => body.includes('"the last words"'));
  web.script = (_method, path) => (path.includes("/transactions/") ? "lose" : undefined);
  await bob.say(roomId, "the last words");
  await gateway.message(alice, "the last words");
  web.script = () => "cut";
  await gateway.stop();
  await start();
  web.script = undefined;
  await waitFor(
    () => pushed().length > 1,
    "the repeat",
    () => String(pushed().length),
  );
  await bob.say(roomId, "and more");
  await waitFor(
    () => texts().includes("and more"),
    "what comes then",
    () => texts().join(),
  );
  expect(texts()).toEqual(["the last words", "and more"]);
}, 40_000);

test("what is said while the gateway is away arrives in order when it is back, also in a chat that began meanwhile", async () => {
  const roomId = await chatting();
  web.script = () => "cut";
  await gateway.stop();
  for (let index = 0; index < 20; index++) await bob.say(roomId, `meanwhile ${index}`);
  const zoe = ghost(`zoe${users}`);
  const other = await bob.createDm(zoe);
  // More than one page of a timeline.
  for (let index = 0; index < 70; index++) await bob.say(other, `new ${index}`);
  await start();
  web.script = undefined;
  const heard = (user: string) => gateway.messagesOf(user).map(({ text }) => text);
  await waitForLong(() => heard(`zoe${users}@xmpp.test`).length >= 70 && texts().length >= 20);
  expect(texts()).toEqual(Array.from({ length: 20 }, (_, index) => `meanwhile ${index}`));
  expect(heard(`zoe${users}@xmpp.test`)).toEqual(Array.from({ length: 70 }, (_, index) => `new ${index}`));
}, 90_000);

test("a restart of the homeserver loses nothing and doubles nothing, also what it had taken and not answered", async () => {
  const roomId = await chatting();
  const session = await gateway.session(alice);
  proxy.script = (_method, path) => (path.includes("/send/") ? "lose" : undefined);
  const message = outgoing(contact(bob.userId), "in doubt");
  await expect(session.send(message)).rejects.toMatchObject({ kind: "retry", uncertain: true });
  proxy.script = undefined;
  await synapse.restart();
  await session.send({ ...message, uncertain: true });
  await session.send(outgoing(contact(bob.userId), "after it"));
  await bob.next(saying("after it"), { timeoutMs: 30_000 });
  const said = bob.all.filter(
    ({ room_id, sender, type }) => room_id === roomId && sender === aliceId && type === "m.room.message",
  );
  expect(said.map(({ content }) => content["body"])).toEqual(["in doubt", "after it"]);
  await bob.say(roomId, "I am back too");
  await waitForLong(() => texts().includes("I am back too"));
  expect(texts()).toEqual(["I am back too"]);
}, 90_000);

test("a chat whose making was not answered is not made twice", async () => {
  const session = await gateway.session(alice);
  proxy.script = (_method, path) => (path.includes("/createRoom") ? "lose" : undefined);
  const message = outgoing(contact(bob.userId), "first words");
  await expect(session.send(message)).rejects.toMatchObject({ kind: "retry", retryAfter: 5000 });
  proxy.script = undefined;
  const roomId = await bob.nextInvite();
  await waitFor(
    () => web.transactions.some(({ body }) => body.includes(roomId)),
    "the news of the room",
    () => "",
  );
  await session.send(message);
  await bob.join(roomId);
  await bob.next(saying("first words"));
  const invitations = bob.all.filter(({ type, sender }) => type === "m.room.member" && sender === aliceId);
  expect(new Set(invitations.map(({ room_id }) => room_id)).size).toBe(1);
});

test("a homeserver that went back to an older state gets its users again", async () => {
  const session = await gateway.session(alice);
  await disk.records.save(
    new Map([[`ghost/${aliceId}`, new TextEncoder().encode(JSON.stringify({ user: alice, name: `alice${users}` }))]]),
  );
  await session.close();
  await gateway.stop();
  await start();
  await (await gateway.session(alice)).send(outgoing(contact(bob.userId), "still me"));
  await bob.join(await bob.nextInvite());
  expect((await bob.next(saying("still me"))).sender).toBe(aliceId);
});

/** A homeserver tries again after 2, 4, 8 seconds. */
async function waitForLong(look: () => boolean): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!look()) {
    if (Date.now() > deadline)
      throw new Error(`there is only ${JSON.stringify(texts())}\n${gateway.log.slice(-10).join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
