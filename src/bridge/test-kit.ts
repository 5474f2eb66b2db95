// The conformance suite: what the core relies on in every bridge, in either mode. Run it with any test runner: each check
// is a function that throws. Give it a harness for your network.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Ability, type Harness, MemoryHost } from "./harness.ts";
import { BridgeError, type Incoming, type IncomingMessage, type OutgoingMessage, type SessionCore } from "./index.ts";

export { type Ability, connectAccount, connectDomain, type Harness } from "./harness.ts";

export interface Check {
  readonly name: string;
  /** What the network must be able to do for this to make sense. */
  readonly needs?: Ability;
  run(harness: Harness): Promise<void>;
}

const patience = 20_000;

/** PNG files of one pixel each. */
const redDot = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC",
  "base64",
);
const blueDot = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYPgPAAEDAQAIicLsAAAAAElFTkSuQmCC",
  "base64",
);

/** Words of somebody, parsed or not; what a network tells of rooms beside them does not count. */
const isContent = ({ type }: Incoming) => type === "message" || type === "original";

/** Ends a session as the core does. */
async function end(session: SessionCore, host: MemoryHost): Promise<void> {
  host.abort();
  await session.close();
}

async function messages(harness: Harness, host: MemoryHost): Promise<IncomingMessage[]> {
  const found: IncomingMessage[] = [];
  for (const event of host.committed) {
    const { bridge, self, options } = harness;
    const opened = event.type === "original" ? ((await bridge.open?.(event, { id: 1, self, options })) ?? []) : [event];
    for (const one of opened) if (one.type === "message") found.push(one);
  }
  return found;
}

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited ${patience} ms for: ${what}`);
    await sleep(20);
  }
}

let counter = 0;
function outgoing(harness: Harness, text: string): OutgoingMessage {
  counter++;
  const key = `${Date.now().toString(32)}${counter.toString(32)}`
    .replace(/[^0-9a-v]/g, "0")
    .padEnd(26, "0")
    .slice(0, 26);
  return { key, peer: { kind: "contact", id: harness.peer }, text, sentAt: Date.now(), uncertain: false };
}

/** As the lane does: freeze once, send what was frozen. */
async function send(session: SessionCore, message: OutgoingMessage): Promise<void> {
  await session.send(message, await session.prepare?.(message));
}

const online = (host: MemoryHost) => until("the session is online", async () => host.states.includes("online"));

/** The message with this text, once the account has it. */
const arrival = (harness: Harness, host: MemoryHost, text: string): Promise<IncomingMessage> =>
  until(`the arrival of "${text}"`, async () =>
    (await messages(harness, host)).find((message) => message.text.includes(text)),
  );

export const conformance: readonly Check[] = [
  {
    name: "sends a message to the other person",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      await online(host);
      await send(session, outgoing(harness, "hello, grüß dich 👋 <&>"));
      await until("the message arrives", async () =>
        (await harness.received()).some((text) => text.includes("hello, grüß dich 👋 <&>")),
      );
      await end(session, host);
    },
  },
  {
    name: "sends the words of a message that mentions people or is a spoiler, whether the network has such things or not",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      await online(host);
      const { peer } = harness;
      // A place that is not in the text is the fault of somebody's client.
      const mentions = [{ id: peer, at: { start: 0, end: 4 } }, { id: peer }, { id: peer, at: { start: 90, end: 95 } }];
      await send(session, { ...outgoing(harness, "Anna: he dies <&>"), mentions, spoiler: "the end" });
      await until("the message arrives", async () =>
        (await harness.received()).some((text) => text.includes("Anna: he dies <&>")),
      );
      await end(session, host);
    },
  },
  {
    name: "sends in the order of the calls",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      await online(host);
      for (const word of ["one", "two", "three"]) await send(session, outgoing(harness, `order ${word}`));
      const texts = await until("all three arrive", async () => {
        const list = (await harness.received()).filter((text) => text.includes("order "));
        return list.length >= 3 && list;
      });
      assert.deepEqual(
        texts.map((text) => /order (\w+)/.exec(text)?.[1]),
        ["one", "two", "three"],
      );
      await end(session, host);
    },
  },
  {
    name: "freezes a message to the same bytes each time it is asked",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      const message = outgoing(harness, "frozen");
      assert.deepEqual(await session.prepare?.(message), await session.prepare?.(message));
      await end(session, host);
    },
  },
  {
    name: "delivers what the other person writes",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      await online(host);
      await harness.write("written while connected");
      const message = await arrival(harness, host, "written while connected");
      assert.equal(message.peer.id, harness.peer);
      assert.equal(message.from, harness.peer);
      await end(session, host);
    },
  },
  {
    name: "saves a cursor of plain JSON with what it delivers",
    needs: "cursor",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      await online(host);
      await harness.write("with a cursor");
      await arrival(harness, host, "with a cursor");
      assert.notEqual(host.cursor, undefined);
      assert.deepEqual(JSON.parse(JSON.stringify(host.cursor)), host.cursor);
      await end(session, host);
    },
  },
  {
    name: "catches up with what came while it was away, once",
    async run(harness) {
      const first = new MemoryHost();
      const session = await harness.connect(first);
      await online(first);
      await harness.write("before the break");
      await arrival(harness, first, "before the break");
      await end(session, first);
      await harness.write("during the break");
      const second = new MemoryHost(first.cursor);
      const again = await harness.connect(second);
      await arrival(harness, second, "during the break");
      const texts = (await messages(harness, second)).map((one) => one.text);
      assert.equal(texts.filter((text) => text.includes("before the break")).length, 0, "what came before the break");
      assert.equal(texts.filter((text) => text.includes("during the break")).length, 1);
      await end(again, second);
    },
  },
  {
    name: "offers again under the same id, from an older cursor, what it offered before",
    needs: "cursor",
    async run(harness) {
      const first = new MemoryHost();
      const session = await harness.connect(first);
      await online(first);
      await harness.write("sets the cursor");
      await arrival(harness, first, "sets the cursor");
      const { cursor } = first;
      await harness.write("replayed");
      const seen = await arrival(harness, first, "replayed");
      await end(session, first);
      // The commit is lost in a crash: the old cursor is back.
      const second = new MemoryHost(cursor);
      const again = await harness.connect(second);
      const repeated = await arrival(harness, second, "replayed");
      assert.deepEqual([repeated.id, repeated.digest], [seen.id, seen.digest]);
      await end(again, second);
    },
  },
  {
    name: "says retry when the network is in trouble, and repeats without a double",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      await online(host);
      const message = outgoing(harness, "in spite of trouble");
      const prepared = await session.prepare?.(message);
      await harness.trouble("retry");
      await assert.rejects(
        session.send(message, prepared),
        (error) => !(error instanceof BridgeError) || error.kind === "retry",
      );
      await harness.trouble(undefined);
      await session.send({ ...message, uncertain: true }, prepared);
      await until("the message", async () =>
        (await harness.received()).some((text) => text.includes("in spite of trouble")),
      );
      assert.equal((await harness.received()).filter((text) => text.includes("in spite of trouble")).length, 1);
      await end(session, host);
    },
  },
  {
    name: "says reject with a sentence when the network refuses for good",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      await online(host);
      const message = outgoing(harness, "refused");
      const prepared = await session.prepare?.(message);
      await harness.trouble("reject");
      await assert.rejects(session.send(message, prepared), (error) => {
        assert.ok(error instanceof BridgeError);
        assert.equal(error.kind, "reject");
        assert.ok(error.message.length > 5);
        return true;
      });
      await harness.trouble(undefined);
      await end(session, host);
    },
  },
  {
    name: "reports login-required when the credentials no longer work",
    needs: "credentials",
    async run(harness) {
      await harness.trouble("login-required");
      const host = new MemoryHost();
      const session = await harness.connect(host).catch((error: unknown) => {
        assert.ok(error instanceof BridgeError && error.kind === "login-required");
        host.status("login-required");
        return undefined;
      });
      await until("login-required", async () => host.states.includes("login-required"));
      if (session) await end(session, host);
      await harness.trouble(undefined);
    },
  },
  {
    name: "acknowledges nothing while the store refuses, and offers it again under the same id",
    async run(harness) {
      const first = new MemoryHost();
      const session = await harness.connect(first);
      await online(first);
      // From here on there is a cursor, where there are cursors: what comes later is no history.
      await harness.write("before the disk was full");
      await arrival(harness, first, "before the disk was full");
      const { cursor } = first;
      first.refuse = true;
      await harness.write("while the disk was full");
      const offered = await until("it is offered", async () => first.refused.find(isContent));
      assert.deepEqual(first.cursor, cursor);
      await end(session, first);
      const second = new MemoryHost(first.cursor);
      const again = await harness.connect(second);
      await arrival(harness, second, "while the disk was full");
      assert.deepEqual(
        second.committed.filter(isContent).map((event) => event.id),
        [offered.id],
      );
      await end(again, second);
    },
  },
  {
    name: "tells what the other person shows of themselves, under another id when it is another picture",
    needs: "pictures",
    async run(harness) {
      assert.ok(harness.show, "the harness shows no pictures");
      const host = new MemoryHost();
      const session = await harness.connect(host);
      await online(host);
      const seen: string[] = [];
      const looks = new Map([
        ["One", redDot],
        ["Two", blueDot],
      ]);
      for (const [name, picture] of looks) {
        await harness.show(name, picture);
        const profile = await until(`the name ${name}`, async () => {
          const shown = await session.profile?.(harness.peer);
          return shown?.name === name && shown;
        });
        assert.ok(profile.avatar !== undefined && profile.avatar.length <= 1_000, "there is an avatar");
        seen.push(profile.avatar);
        const content = await session.openAvatar?.(profile.avatar, 96, host.signal);
        assert.ok(content, "the picture can be read");
        const bytes = Buffer.from(await new Response(content.body).arrayBuffer());
        assert.equal(bytes.toString("latin1", 1, 4), "PNG");
      }
      assert.notEqual(seen[0], seen[1]);
      assert.equal(await session.profile?.(harness.peer).then((shown) => shown?.avatar), seen[1]);
      await end(session, host);
    },
  },
  {
    name: "closes in the middle of everything, and leaves nothing running",
    async run(harness) {
      const host = new MemoryHost();
      const session = await harness.connect(host);
      // Not online yet perhaps: close must not wait for it.
      const started = Date.now();
      await end(session, host);
      assert.ok(Date.now() - started < 5_000, "close took too long");
      const before = host.committed.length;
      await harness.write("after the close");
      await sleep(200);
      assert.equal(host.committed.length, before);
    },
  },
];

/** The checks for a network that cannot do all of it. */
export function conformanceWithout(lacking: readonly Ability[]): readonly Check[] {
  return conformance.filter(({ needs }) => needs === undefined || !lacking.includes(needs));
}
