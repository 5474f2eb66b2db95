// What people look like: XEP-0054, XEP-0153 and, for rooms, XEP-0486.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { pngOf } from "../kit/pictures.ts";
import { inLobby, lobby, phone, says, seen, write } from "./room-stanzas.ts";
import { aliceSignedIn, startStory, type Story } from "./story.ts";

const red = pngOf([255, 0, 0]);
const blue = pngOf([0, 0, 255]);
const hash = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");
const bob = "bob@toy.localhost";

const photo = (value: string) => `<x xmlns="vcard-temp:x:update"><photo>${value}</photo></x>`;
const caps = `<c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:viaduct" ver="{ver}"/>`;
const here = (inside: string) => `<presence from="${bob}/viaduct" to="alice@localhost">${inside}${caps}</presence>`;
const nick = (name: string) => `<nick xmlns="http://jabber.org/protocol/nick">${name}</nick>`;
const askCard = (to: string, from = phone) =>
  `<iq type="get" id="{id}" from="${from}" to="${to}"><vCard xmlns="vcard-temp"/></iq>`;
const card = (from: string, inside: string, to = phone) =>
  `<iq type="result" id="{id}" from="${from}" to="${to}"><vCard xmlns="vcard-temp">${inside}</vCard></iq>`;
const shown = (bytes: Buffer) => `<PHOTO><TYPE>image/png</TYPE><BINVAL>${bytes.toString("base64")}</BINVAL></PHOTO>`;
const address = "<EMAIL><INTERNET/><USERID>bob</USERID></EMAIL>";

/** Bob shows a name and a red picture; alice sees him. */
async function bobSeen(): Promise<Story> {
  const story = await aliceSignedIn();
  story.network.pictures.set("red", red).set("blue", blue);
  story.network.profiles.set("bob", { name: "Bob", avatar: "red" });
  await story.send(`<presence type="subscribe" from="alice@localhost" to="${bob}"/>`);
  await story.expect(`<presence type="subscribed" from="${bob}" to="alice@localhost"/>`);
  return story;
}

test("a contact is seen with name and picture as soon as that is here", async () => {
  const story = await bobSeen();
  await story.expect(here(""));
  await story.expect(here(nick("Bob")));
  await story.expect(here(nick("Bob") + photo(hash(red))));
  await story.ask(askCard(bob), card(bob, `<FN>Bob</FN><NICKNAME>Bob</NICKNAME>${shown(red)}${address}`));
  await story.nothing();
});

test("another name and another picture are seen while alice is online, and that there is none any more", async () => {
  const story = await bobSeen();
  await story.skip();
  story.network.show("bob", { name: "Robert", avatar: "blue" }, "al");
  await story.expect(here(nick("Robert") + photo(hash(blue))));
  await story.ask(askCard(bob), card(bob, `<FN>Robert</FN><NICKNAME>Robert</NICKNAME>${shown(blue)}${address}`));
  await story.skip();
  story.network.show("bob", { name: "Robert" }, "al");
  await story.expect(here(nick("Robert") + photo("")));
  await story.ask(askCard(bob), card(bob, `<FN>Robert</FN><NICKNAME>Robert</NICKNAME>${address}`));
  await story.nothing();
});

test("somebody who is added without a name gets the one that they have there", async () => {
  const story = await aliceSignedIn();
  story.network.profiles.set("bob", { name: "Bob" });
  await story.send(`<message from="${phone}" to="toy.localhost"><body>add bob</body></message>`);
  await story.expect(`<presence type="subscribe" from="${bob}" to="alice@localhost">${nick("Bob")}</presence>`);
});

test("a name that the user gave stays, whatever the network calls the contact", async () => {
  const story = await aliceSignedIn();
  story.network.pictures.set("red", red);
  story.network.profiles.set("bob", { name: "Bob", avatar: "red" });
  await story.send(`<message from="${phone}" to="toy.localhost"><body>add bob Bobby</body></message>`);
  await story.send(`<presence type="subscribe" from="alice@localhost" to="${bob}"/>`);
  await story.expect(here(nick("Bobby") + photo(hash(red))));
});

test("the picture is there for clients that ask in the way of XEP-0084", async () => {
  const story = await bobSeen();
  await story.skip();
  const ask = (node: string, item = "") => `<iq type="get" id="{id}" from="${phone}" to="${bob}">
    <pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="urn:xmpp:avatar:${node}">${item}</items></pubsub></iq>`;
  const answer = (node: string, inside: string) => `<iq type="result" id="{id}" from="${bob}" to="${phone}">
    <pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="urn:xmpp:avatar:${node}"><item id="${hash(red)}">
    ${inside}</item></items></pubsub></iq>`;
  const info = `<info id="${hash(red)}" type="image/png" bytes="${red.length}" width="16" height="16"/>`;
  await story.ask(ask("metadata"), answer("metadata", `<metadata xmlns="urn:xmpp:avatar:metadata">${info}</metadata>`));
  await story.ask(
    ask("data", `<item id="${hash(red)}"/>`),
    answer("data", `<data xmlns="urn:xmpp:avatar:data">${red.toString("base64")}</data>`),
  );
  const missing = `<iq type="error" id="{id}" from="${bob}" to="${phone}"><error type="cancel">
    <item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`;
  await story.ask(ask("data", `<item id="${hash(blue)}"/>`), missing);
  await story.ask(ask("bookmarks"), missing);
  await story.nothing();
});

test("the picture is told again when the server comes back, without asking the network", async () => {
  const story = await bobSeen();
  await story.expect(here(nick("Bob") + photo(hash(red))));
  await story.skip();
  story.network.pictures.clear();
  await story.send(`<presence type="probe" from="alice@localhost" to="${bob}"/>`);
  await story.expect(here(nick("Bob") + photo(hash(red))));
  await story.nothing();
});

test("a program is not taken for a picture, whatever the network calls it (no SVG)", async () => {
  const story = await bobSeen();
  await story.skip();
  story.network.pictures.set("program", Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"));
  story.network.show("bob", { name: "Bob", avatar: "program" }, "al");
  await story.until("it is looked at", async () => {
    const contacts = story.viaduct.gateway.bridges.get("toy").contacts;
    return (await contacts.get(1, "bob"))?.avatar === "program";
  });
  await story.ask(askCard(bob), card(bob, `<FN>Bob</FN><NICKNAME>Bob</NICKNAME>${address}`));
  await story.nothing();
});

test("of somebody who is no contact the card is looked up, and nothing is kept", async () => {
  const story = await aliceSignedIn();
  story.network.pictures.set("red", red);
  story.network.profiles.set("bob", { name: "Bob", avatar: "red" });
  await story.ask(askCard(bob), card(bob, `<FN>Bob</FN><NICKNAME>Bob</NICKNAME>${shown(red)}${address}`));
  await story.nothing();
  expect(await story.viaduct.gateway.bridges.get("toy").contacts.get(1, "bob")).toBeUndefined();
});

/** `seen` of room-stanzas.ts with what presence says of a picture. */
const withPhoto = (presence: string, value: string) => presence.replace("</presence>", `${photo(value)}</presence>`);
const asOwner = { affiliation: "owner", role: "moderator" };

test("who speaks in a room is seen with their picture, and their card is there for those who are in", async () => {
  const story = await inLobby();
  story.network.pictures.set("red", red);
  story.network.profiles.set("bob", { avatar: "red" });
  story.network.rooms.refresh("bob", "r1");
  await story.expect(seen("bob", asOwner));
  await story.expect(withPhoto(seen("bob", asOwner), hash(red)));
  await story.ask(askCard(`${lobby}/bob`), card(`${lobby}/bob`, `<FN>bob</FN><NICKNAME>bob</NICKNAME>${shown(red)}`));
  await story.ask(
    askCard(`${lobby}/bob`, "alice@localhost/laptop"),
    `<iq type="error" id="{id}" from="${lobby}/bob" to="alice@localhost/laptop"><error type="modify">
      <not-acceptable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">You are not in this room: join it first.</text></error></iq>`,
  );
  story.network.profiles.set("bob", {});
  story.network.rooms.refresh("bob", "r1");
  await story.expect(withPhoto(seen("bob", asOwner), ""));
  await story.send(write("m1", "hello"));
  await story.expect(says("al", "hello", { id: "m1" }));
  await story.nothing();
});

test("a room has a picture", async () => {
  const story = await inLobby();
  story.network.pictures.set("blue", blue);
  const room = story.network.rooms.all.get("r1");
  if (room === undefined) throw new Error("no lobby");
  room.avatar = "blue";
  story.network.rooms.show("al", room);
  await story.expect(`<presence from="${lobby}" to="${phone}">${photo(hash(blue))}</presence>`);
  await story.ask(askCard(lobby), card(lobby, `<FN>The Lobby</FN>${shown(blue)}`));
});

const ownCard = (id: string, inside: string) =>
  `<iq type="result" id="${id}" from="alice@localhost" to="toy.localhost"><vCard xmlns="vcard-temp">${inside}</vCard></iq>`;

test("the user's own name and picture go to a network that gave them an address", async () => {
  const story = await startStory({ domain: true });
  await story.send(`<presence type="subscribe" from="alice@localhost" to="toy.localhost"/>`);
  await story.until("alice has an address", () => story.viaduct.gateway.accounts.bySelf("toy", "alice"));
  await story.skip();
  await story.send(`<presence from="alice@localhost/phone" to="toy.localhost">${photo(hash(red))}</presence>`);
  const ask = `<iq type="get" id="{id}" from="toy.localhost" to="alice@localhost"><vCard xmlns="vcard-temp"/></iq>`;
  const { id = "" } = await story.expect(ask);
  await story.send(ownCard(id, `<FN>Alice L.</FN><NICKNAME>Alice</NICKNAME>${shown(red)}`));
  await story.until("she is seen there", () => story.network.profiles.get("alice")?.avatar === hash(red));
  expect(story.network.profiles.get("alice")).toEqual({ name: "Alice", avatar: hash(red) });
  // The same again from another contact's or client's presence is no news.
  await story.send(`<presence from="alice@localhost/laptop" to="${bob}">${photo(hash(red))}</presence>`);
  await story.nothing();
  await story.send(`<presence from="alice@localhost/phone" to="toy.localhost">${photo("")}</presence>`);
  const again = await story.expect(ask);
  await story.send(ownCard(again.id ?? "", "<FN>Alice L.</FN>"));
  await story.until("the picture is gone there", () => story.network.profiles.get("alice")?.avatar === undefined);
});
