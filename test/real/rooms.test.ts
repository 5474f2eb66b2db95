// Rooms of the toy network on real servers, in the eyes of slixmpp: its own reading of XEP-0045, 0313 and 0410.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createToyBridge } from "../../bridges/toy/index.ts";
import { ToyNetwork } from "../../bridges/toy/network.ts";
import { startViaduct, type Viaduct } from "../kit/viaduct.ts";
import { startXmppServer, type XmppServer, type XmppServerName } from "../lab/xmpp-server.ts";
import { type Slixmpp, startSlixmpp } from "./slixmpp.ts";
import { until } from "./stage.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const lobby = "#lobby@toy.localhost";

describe.each(servers)("slixmpp in a room, on %s", (name) => {
  const network = new ToyNetwork();
  const dir = mkdtempSync(join(tmpdir(), "viaduct-rooms-"));
  let xmpp: XmppServer;
  let viaduct: Viaduct;
  let alice: Slixmpp;

  const startGateway = async (): Promise<void> => {
    viaduct = await startViaduct({
      componentPort: xmpp.componentPort,
      bridges: { toy: createToyBridge(network) },
      settings: { toy: { domain: true } },
      limits: { minFreeDisk: "1 MiB" },
      dir,
    });
    await until("the component is up", () => viaduct.components.every(({ link }) => link.state === "up"));
  };
  beforeAll(async () => {
    xmpp = await startXmppServer(name, {
      users: { alice: "pw" },
      components: [{ jid: "toy.localhost", secret: "secret" }],
    });
    network.rooms.create({
      id: "r1",
      address: "#lobby",
      name: "The Lobby",
      topic: "Tea at five",
      members: { bob: "owner", carol: "member" },
    });
    await startGateway();
    alice = await startSlixmpp(xmpp.c2sPort, "alice@localhost");
  });
  afterAll(async () => {
    await alice?.stop();
    await viaduct?.stop();
    await xmpp?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("finds the place for rooms, joins one and sees who is there", async () => {
    expect(await alice.tell({ do: "disco", jid: "toy.localhost" })).toMatchObject({
      identities: [
        ["conference", "text", "Toy"],
        ["gateway", "toy", "Toy"],
      ],
    });
    expect(await alice.tell({ do: "join", room: lobby, nick: "alice" })).toEqual({
      nick: "alice",
      codes: [100, 110],
      people: ["alice", "bob", "carol"],
      subject: "Tea at five",
      history: [],
    });
    expect(await alice.tell({ do: "items", jid: "toy.localhost" })).toEqual({ items: [[lobby, "The Lobby"]] });
    expect(await alice.tell({ do: "selfping", room: lobby, nick: "alice" })).toEqual({ type: "result" });
  });

  it("talks and listens", async () => {
    const { id } = await alice.tell({ do: "say", room: lobby, body: "Hello all" });
    const own = await alice.event("groupchat", (line) => line["body"] === "Hello all");
    expect(own).toMatchObject({
      frm: `${lobby}/alice`,
      id,
      delay: "",
      stanzaId: expect.stringMatching(/^[0-9a-v]{26}$/),
    });
    network.rooms.say("bob", "r1", "Hello alice", "b1");
    const theirs = await alice.event("groupchat", (line) => line["body"] === "Hello alice");
    expect(theirs).toMatchObject({ frm: `${lobby}/bob`, occupantId: expect.stringMatching(/^[0-9a-v]{26}$/) });
    expect(theirs["occupantId"]).not.toBe(own["occupantId"]);
  });

  it("reads the archive page by page", async () => {
    network.rooms.say("bob", "r1", "one more", "b2");
    await alice.event("groupchat", (line) => line["body"] === "one more");
    expect(await alice.tell({ do: "archive", room: lobby })).toEqual({
      texts: ["Hello all", "Hello alice", "one more"],
    });
  });

  it("is still in the room when the gateway was restarted, and gets what was said meanwhile", async () => {
    await viaduct.stop();
    network.rooms.say("carol", "r1", "anybody there?", "c1");
    await startGateway();
    expect(await alice.event("groupchat", (line) => line["body"] === "anybody there?")).toMatchObject({
      frm: `${lobby}/carol`,
    });
    expect(await alice.tell({ do: "selfping", room: lobby, nick: "alice" })).toEqual({ type: "result" });
  });

  it("may not kick as a member, and kicks as an admin", async () => {
    const kick = { do: "kick", room: lobby, nick: "carol", reason: "Bye" };
    await expect(alice.tell(kick)).rejects.toThrow("forbidden: Only its admins may do that.");
    network.rooms.change("bob", "r1", { do: "rank", who: "alice", rank: "admin" });
    await alice.event("occupant", (line) => line["frm"] === `${lobby}/alice` && line["affiliation"] === "admin");
    await alice.tell(kick);
    const gone = await alice.event(
      "occupant",
      (line) => line["frm"] === `${lobby}/carol` && line["type"] === "unavailable",
    );
    expect(gone).toMatchObject({ codes: [307], affiliation: "none", role: "none" });
  });

  it("is told when it is put out, and when it is asked in", async () => {
    network.rooms.exit("alice", "r1", "kicked", "bob", "Enough");
    const gone = await alice.event(
      "occupant",
      (line) => line["frm"] === `${lobby}/alice` && line["type"] === "unavailable",
    );
    expect(gone).toMatchObject({ codes: [110, 307] });
    network.rooms.create({ id: "r2", address: "#tea", name: "Tea", members: { bob: "owner" } });
    network.rooms.invite("bob", "r2", "alice");
    expect(await alice.event("invitation", (line) => line["kind"] === "mediated")).toMatchObject({
      frm: "#tea@toy.localhost",
    });
  });
});
