// Matrix users take part in group chats of XMPP (XEP-0045), on real servers on both sides.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MatrixPerson, saying, type SeenEvent } from "../kit/matrix-person.ts";
import type { XmppClient } from "../kit/xmpp-client.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { aliasOf, type GroupChatStage, makeRoom, setGroupChatStage } from "./groupchat-stage.ts";
import { bodyOf } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const patience = { timeoutMs: 30_000 };

describe.each(servers)("a group chat of XMPP, on %s", (xmpp) => {
  let stage: GroupChatStage;
  let alice: XmppClient;
  let bob: MatrixPerson;
  let room: string;
  const lounge = "lounge@rooms.localhost";
  beforeAll(async () => {
    stage = await setGroupChatStage({ xmpp, users: ["alice"], people: ["bob", "carol"] });
    alice = await stage.enter("alice");
    await makeRoom(alice, "lounge", "alice");
    alice.send(`<message to='${lounge}' type='groupchat' id='s1'><subject>Come in</subject></message>`);
    bob = await stage.person("bob");
  }, 120_000);
  afterAll(() => stage?.stop());

  const here = (nick: string) => (stanza: Element) =>
    stanza.name === "presence" && stanza.attrs.from === `${lounge}/${nick}` && stanza.attrs.type === undefined;
  const gone = (nick: string) => (stanza: Element) =>
    stanza.name === "presence" && stanza.attrs.from === `${lounge}/${nick}` && stanza.attrs.type === "unavailable";
  const said = (nick: string, body: string) => (stanza: Element) =>
    stanza.attrs.type === "groupchat" && stanza.attrs.from === `${lounge}/${nick}` && bodyOf(stanza) === body;
  const say = (body: string, id: string, extra = "") =>
    alice.message({ to: lounge, type: "groupchat", id, body, extra });
  const heard = (nick: string) =>
    alice.stanzas
      .filter((stanza) => stanza.attrs.type === "groupchat" && stanza.attrs.from === `${lounge}/${nick}`)
      .map(bodyOf)
      .filter((body) => body.startsWith("from "));
  const seen = () =>
    bob.all.map((event) => String(event.content["body"])).filter((body) => body.startsWith("from alice"));
  const all = (who: string, from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => `from ${who} ${from + n}`);

  it("is joined by its alias, with its name and subject", async () => {
    room = await bob.join(aliasOf("lounge"));
    await alice.next(here("bob"), { what: "bob in the room", ...patience });
    await bob.until(
      () =>
        bob.client.getRoom(room)?.currentState.getStateEvents("m.room.topic", "")?.getContent()["topic"] === "Come in",
      {
        what: "the subject",
        ...patience,
      },
    );
  }, 60_000);

  it("carries 50 messages each way, once and in order, over a restart in their middle", async () => {
    for (let n = 0; n < 25; n++) {
      say(`from alice ${n}`, `a${n}`);
      await bob.say(room, `from bob ${n}`);
    }
    await stage.stopGateway();
    for (let n = 25; n < 50; n++) {
      say(`from alice ${n}`, `a${n}`);
      await bob.say(room, `from bob ${n}`);
    }
    await stage.startGateway();
    await alice.next(said("bob", "from bob 49"), { what: "the last of bob's", ...patience });
    await bob.next(saying("from alice 49"), { what: "the last of alice's", ...patience });
    expect(heard("bob")).toEqual(all("bob", 0, 50));
    expect(seen()).toEqual(all("alice", 0, 50));
  }, 90_000);
});
