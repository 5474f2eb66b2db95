// The gateway restarts while alice is in a room: her clients need not notice.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { inLobby, lobby, phone, says, write } from "./room-stanzas.ts";
import { startStory } from "./story.ts";

function folder(): string {
  const dir = mkdtempSync(path(tmpdir(), "viaduct-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

test("alice is still in the room after a restart, hears what came meanwhile, and speaks", async () => {
  const dir = folder();
  const first = await inLobby({ dir });
  first.network.rooms.say("bob", "r1", "before", "b1");
  await first.expect(says("bob", "before"));
  await first.nothing();
  await first.stop();
  // The network goes on without the gateway.
  first.network.rooms.say("bob", "r1", "meanwhile", "b2");
  const story = await startStory({ dir, network: first.network });
  await story.expect(says("bob", "meanwhile"));
  await story.ask(
    `<iq type="get" id="{id}" from="${phone}" to="${lobby}/al"><ping xmlns="urn:xmpp:ping"/></iq>`,
    `<iq type="result" id="{id}" from="${lobby}/al" to="${phone}"/>`,
  );
  await story.send(write("m1", "back"));
  await story.expect(says("al", "back", { id: "m1" }));
  expect(story.server.stanzas.filter((one) => one.getChildText("body") === "before")).toEqual([]);
});

test("what the server did not confirm comes again with the same ids, presence and messages in order", async () => {
  const story = await inLobby();
  story.server.behave({ answerPings: false });
  story.network.rooms.enter("dave", "r1");
  story.network.rooms.say("dave", "r1", "hi", "d1");
  const fresh = () => story.server.stanzas.filter((one) => one.attrs.from === `${lobby}/dave`).map(String);
  await story.until("both are written", () => fresh().length === 2);
  story.server.cut();
  story.server.behave({ answerPings: true });
  await story.server.untilHandshakes(2, 10_000);
  await story.until("both come again", () => fresh().length === 4);
  expect(fresh().slice(2)).toEqual(fresh().slice(0, 2));
  await story.skip();
});

test("alice signs out, and her client hears that it is out of the room", async () => {
  const story = await inLobby();
  await story.ask(
    `<iq type="set" id="{id}" from="${phone}" to="toy.localhost"><query xmlns="jabber:iq:register"><remove/></query></iq>`,
    `<iq type="result" id="{id}" from="toy.localhost" to="${phone}"/>`,
  );
  await story.expect(`<presence type="unavailable" from="${lobby}/al" to="${phone}">
    <x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="none" role="none"/>
    <status code="110"/><status code="333"/></x></presence>`);
});
