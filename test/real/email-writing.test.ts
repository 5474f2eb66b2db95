// Account mode, told by people on real servers: what a message becomes as a mail, and what comes back about it.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readMailbox } from "../kit/mail-client.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { bodyOf, jidOf, type Person, wantsReceipt } from "./person.ts";
import { setStage, type Stage } from "./stage.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const ownId = /^<[0-9a-v]{26}@example\.org>$/;

describe.each(servers)("a message to a mail address, on %s", (xmpp) => {
  let stage: Stage;
  let alice: Person;
  beforeAll(async () => {
    stage = await setStage({ xmpp, users: ["alice"] });
    alice = await stage.enter("alice");
    await alice.signIn("alice@example.org");
  });
  afterAll(() => stage?.stop());

  it("lies in the mailbox as a mail from the account's address, and a copy lies in Sent", async () => {
    alice.write("bob@example.test", "Hello Bob, shall we meet on Friday at the café? 🚲\nI bring the map.");
    const mail = await stage.mailWith("bob@example.test", "Friday");
    const header = (name: string) => mail.headers.get(name);
    expect([header("from"), header("to")]).toEqual(["alice@example.org", "bob@example.test"]);
    expect(mail.subject).toBe("Hello Bob, shall we meet on Friday at the café? 🚲");
    expect(mail.messageId).toMatch(ownId);
    expect(header("in-reply-to")).toBeUndefined();
    expect(header("content-type")).toMatch(/^multipart\/alternative;/);
    expect(mail.text.trim()).toBe("Hello Bob, shall we meet on Friday at the café? 🚲\nI bring the map.");
    const named = [...mail.headers.keys()].filter(
      (name) => !["return-path", "delivered-to", "received"].includes(name),
    );
    expect(named.toSorted()).toEqual(["content-type", "date", "from", "message-id", "mime-version", "subject", "to"]);
    const { imapPort } = stage.dovecot;
    const sent = await readMailbox({ imapPort, user: "alice@example.org", password: "pw", mailbox: "Sent" });
    expect(sent.map(({ messageId, flags }) => [messageId, flags])).toEqual([[mail.messageId, ["\\Seen"]]]);
  });

  it("has the subject that the client gave, else its first line up to 60 characters", async () => {
    const line = "This is a first line that goes on and on for much longer than anybody wants in a list of mails";
    alice.write("long@example.test", `${line}\nand a second`);
    expect((await stage.mailWith("long@example.test", "second")).subject).toBe(
      "This is a first line that goes on and on for much longer…",
    );
    alice.write("given@example.test", "text of it", { extra: "<subject>Plans for May</subject>" });
    expect((await stage.mailWith("given@example.test", "text of it")).subject).toBe("Plans for May");
  });

  it("cannot add headers or recipients through its subject, its nickname or its thread", async () => {
    const bcc = "&#10;Bcc: eve@example.test&#10;X-Evil: yes";
    const extra = `<subject>Hi${bcc}</subject><nick xmlns='http://jabber.org/protocol/nick'>Al &lt;eve@example.test&gt;${bcc}</nick><thread>t${bcc}</thread>`;
    const id = alice.write("target@example.test", "harmless text", { extra: wantsReceipt + extra });
    await alice.receiptFor(id);
    const mail = await stage.mailWith("target@example.test", "harmless");
    expect(mail.headers.has("bcc")).toBe(false);
    expect(mail.headers.has("x-evil")).toBe(false);
    expect(mail.raw).toMatch(/^To: target@example\.test\r?$/m);
    expect(mail.raw).toMatch(/^From: .*<alice@example\.org>\r?$/m);
    expect(/^From: (.*)$/m.exec(mail.raw)?.[1]).not.toContain("eve@");
    expect(mail.subject).toBe("Hi Bcc: eve@example.test X-Evil: yes");
    expect(await stage.mailsOf("eve@example.test")).toEqual([]);
  });

  it("gets its receipt only when the mail server has taken it", async () => {
    stage.postfix.pause();
    const id = alice.write("slow@example.test", "are you awake?", { extra: wantsReceipt });
    await sleep(700);
    expect(alice.hasReceipt(id)).toBe(false);
    stage.postfix.resume();
    const receipt = await alice.receiptFor(id);
    expect(receipt.attrs.from).toBe(jidOf("slow@example.test"));
    expect(receipt.attrs.to).toBe(alice.jid);
    await stage.mailWith("slow@example.test", "awake");
  });

  it("answers the mail it points at, and without pointing the last one of the chat", async () => {
    await stage.post({ from: "carol@example.test", to: "alice@example.org", subject: "Lunch", text: "Lunch at noon?" });
    const lunch = await alice.hear("carol@example.test");
    await stage.post({
      from: "carol@example.test",
      to: "alice@example.org",
      subject: "Dinner",
      text: "Dinner at six?",
    });
    await alice.hear("carol@example.test");
    const sent = await stage.mailsOf("alice@example.org");
    const idOf = (subject: string) => sent.find((mail) => mail.subject === subject)?.messageId ?? "";

    const reply = `<reply xmlns='urn:xmpp:reply:0' id='${lunch.attrs.id}' to='${jidOf("carol@example.test")}'/>`;
    const fallback = `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='17'/></fallback>`;
    alice.write("carol@example.test", "> Lunch at noon?\nyes, at the corner", { extra: reply + fallback });
    const first = await stage.mailWith("carol@example.test", "at the corner");
    expect(first.text.trim()).toBe("yes, at the corner");
    expect(first.subject).toBe("Re: Lunch");
    expect(first.headers.get("in-reply-to")).toBe(idOf("Lunch"));
    expect(first.headers.get("references")).toBe(idOf("Lunch"));

    alice.write("carol@example.test", "and I bring Dave");
    const second = await stage.mailWith("carol@example.test", "bring Dave");
    expect(second.subject).toBe("Re: Lunch");
    expect(second.headers.get("in-reply-to")).toBe(first.messageId);
    expect(second.headers.get("references")).toBe(`${idOf("Lunch")} ${first.messageId}`);
  });

  it("comes back as item-not-found on itself when there is no such mailbox, and the next one goes through", async () => {
    const typo = alice.write("nobody@example.test", "are you there?", { id: "typo", extra: wantsReceipt });
    alice.write("somebody@example.test", "after the typo");
    expect(await alice.errorOn(typo)).toEqual({
      id: "typo",
      type: "cancel",
      condition: "item-not-found",
      text: "There is no mailbox nobody@example.test (550 5.1.1).",
    });
    await stage.mailWith("somebody@example.test", "after the typo");
    expect(alice.hasReceipt(typo)).toBe(false);
  });

  it("comes back as policy-violation when it is too big for the mailbox", async () => {
    const id = alice.write("big@example.test", "rather big");
    expect(await alice.errorOn(id)).toMatchObject({
      condition: "policy-violation",
      text: expect.stringMatching(/^The message is too big for big@example\.test \(552 5\.3\.4\)/),
    });
  });

  it("waits when the mailbox is full, tells so when asked, and delays nobody else", async () => {
    const waiting = alice.write("full@example.test", "when you have room", { extra: wantsReceipt });
    const other = alice.write("empty@example.test", "you have room", { extra: wantsReceipt });
    await alice.receiptFor(other);
    expect(await alice.ask("accounts")).toBe("alice@example.org: online, 1 conversation waits to be sent");
    expect(alice.hasReceipt(waiting)).toBe(false);
    expect(alice.stanzas.filter((stanza) => stanza.attrs.id === waiting)).toEqual([]);
  });

  it("is refused with a sentence when it is encrypted, and its fallback text is not sent", async () => {
    const omemo =
      "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>AAAA</payload></encrypted>";
    const id = alice.write("omemo@example.test", "I sent you an OMEMO encrypted message", { extra: omemo });
    expect(await alice.errorOn(id)).toMatchObject({
      condition: "not-acceptable",
      text: "The gateway cannot read encrypted messages. Switch encryption off for this contact and send it again.",
    });
    const plain = alice.write("omemo@example.test", "without encryption", { extra: wantsReceipt });
    await alice.receiptFor(plain);
    expect((await stage.mailsOf("omemo@example.test")).map((mail) => mail.text.trim())).toEqual(["without encryption"]);
  });

  it("that corrects another goes out as a correction, and a retraction is refused honestly", async () => {
    const wrong = alice.write("dan@example.test", "at five", { extra: wantsReceipt });
    await alice.receiptFor(wrong);
    alice.write("dan@example.test", "at six", {
      extra: `<replace xmlns='urn:xmpp:message-correct:0' id='${wrong}'/>`,
    });
    expect((await stage.mailWith("dan@example.test", "at six")).text.trim()).toBe("Correction: at six");
    const id = "take-back";
    alice.send(
      `<message to='${jidOf("dan@example.test")}' type='chat' id='${id}'><retract xmlns='urn:xmpp:message-retract:1' id='${wrong}'/></message>`,
    );
    expect(await alice.errorOn(id)).toMatchObject({
      condition: "feature-not-implemented",
      text: "The message has left already and cannot be taken back there.",
    });
  });

  it("to oneself is shown once: it does not come back as a mail", async () => {
    const id = alice.write("alice@example.org", "note to myself", { extra: wantsReceipt });
    await alice.receiptFor(id);
    await stage.mailWith("alice@example.org", "note to myself");
    await stage.post({ from: "after@example.test", to: "alice@example.org", text: "the one after" });
    await alice.hear("after@example.test");
    expect(alice.heardFrom("alice@example.org")).toEqual([]);
  });

  it("keeps its thread when the gateway is restarted between question and answer", async () => {
    const id = alice.write("erin@example.test", "Which day suits you?", { id: "question", extra: wantsReceipt });
    await alice.receiptFor(id);
    const question = await stage.mailWith("erin@example.test", "Which day");
    await stage.stopGateway();
    await stage.post({
      from: "Erin <erin@example.test>",
      to: "alice@example.org",
      subject: "Re: Which day suits you?",
      text: "Any day.",
      answers: question,
    });
    await stage.startGateway();
    const answer = await alice.hear("erin@example.test");
    expect(bodyOf(answer)).toBe("Any day.");
    expect(answer.getChild("reply", "urn:xmpp:reply:0")?.attrs).toMatchObject({
      id: "question",
      to: "alice@localhost",
    });
    alice.write("erin@example.test", "Then Monday.");
    const last = await stage.mailWith("erin@example.test", "Then Monday");
    expect(last.subject).toBe("Re: Which day suits you?");
    expect(last.headers.get("references")?.split(/\s+/)[0]).toBe(question.messageId);
    expect(last.headers.get("references")?.split(/\s+/)).toHaveLength(2);
  });
});
