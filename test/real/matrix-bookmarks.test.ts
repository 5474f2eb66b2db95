// Rooms that the user comes into and leaves in another program are in the clients' bookmarks (XEP-0402) and go from there,
// where the server lets the gateway write them (XEP-0356); where it does not, an invitation comes.
import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MatrixPerson } from "../kit/matrix-person.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import { bare, type Person } from "./person.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const muc = "http://jabber.org/protocol/muc";
const patience = { timeoutMs: 20_000 };

describe.each(servers)("rooms that are joined in another program, on %s", (xmpp) => {
  let stage: MatrixStage;
  let alice: Person;
  let ann: MatrixPerson;
  let al: MatrixPerson;
  let room: string;
  const jid = "#garden\\3amatrix.test@matrix.localhost";
  const older = "#older\\3amatrix.test@matrix.localhost";
  beforeAll(async () => {
    stage = await setMatrixStage({ xmpp, users: ["alice"], people: ["ann", "al"] });
    ann = await stage.person("ann");
    al = await stage.person("al");
    await ann.createRoom({ name: "Older", public: true, alias: "older" });
    await al.join("#older:matrix.test");
    alice = await stage.enter("alice");
    await alice.signIn("al", "secret");
    await stage.online("alice");
    room = await ann.createRoom({ name: "The garden", public: true, alias: "garden" });
  }, 120_000);
  afterAll(() => stage?.stop());

  /** Name and autojoin by JID. */
  async function bookmarks(): Promise<Record<string, string>> {
    const answer = await alice.request(
      "<iq type='get'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub></iq>",
    );
    const items = answer.getChild("pubsub")?.getChild("items")?.getChildren("item") ?? [];
    return Object.fromEntries(
      items.map((item) => {
        const { name, autojoin } = item.getChild("conference", "urn:xmpp:bookmarks:1")?.attrs ?? {};
        return [item.attrs.id as string, `${name} ${autojoin}`];
      }),
    );
  }

  const invitation = (stanza: Element) => stanza.getChild("x", `${muc}#user`)?.getChild("invite") !== undefined;

  it("are bookmarked, or invited to", async () => {
    await al.join("#garden:matrix.test");
    if (xmpp === "prosody") {
      await expect.poll(bookmarks, { timeout: 20_000 }).toEqual({ [older]: "Older true", [jid]: "The garden true" });
      expect(alice.stanzas.some(invitation)).toBe(false);
    } else expect(bare(await alice.next(invitation, { what: "the invitation", ...patience }))).toBe(jid);
  });

  it("can be gone into, and show who was there before", async () => {
    alice.send(`<presence to='${jid}/al'><x xmlns='${muc}'/></presence>`);
    const here = (nick: string) => (stanza: Element) =>
      stanza.attrs.from === `${jid}/${nick}` && stanza.attrs.type === undefined;
    await alice.next(here("ann"), { what: "ann", ...patience });
    await alice.next(here("al"), { what: "herself in it", ...patience });
  });

  it("put her out when she leaves there, and their bookmarks go", async () => {
    await al.leave(room);
    const gone = await alice.next((one) => one.attrs.from === `${jid}/al` && one.attrs.type === "unavailable", {
      what: "the end",
      ...patience,
    });
    const codes = gone.getChild("x", `${muc}#user`)?.getChildren("status") ?? [];
    expect(codes.map((status) => status.attrs.code)).toEqual(["110", "307"]);
    if (xmpp === "prosody") await expect.poll(bookmarks, { timeout: 20_000 }).toEqual({ [older]: "Older true" });
  });
});
