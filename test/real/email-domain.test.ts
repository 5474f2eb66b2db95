// Domain mode, told by people on real servers: everybody has an address of the operator's mail domain.
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MailRefused, sendMail } from "../kit/mail-client.ts";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { bodyOf, gatewayJid, type Person, wantsReceipt } from "./person.ts";
import { setStage, type Stage, until } from "./stage.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];
const bob = "Bob Builder <bob@example.test>";

describe.each(servers)("an address of the mail domain, on %s", (xmpp) => {
  let stage: Stage;
  let alice: Person;
  beforeAll(async () => {
    stage = await setStage({
      xmpp,
      users: ["alice", "carol", "dora", "mallory"],
      accounts: false,
      domain: true,
      permissions: { allow: ["alice@localhost", "carol@localhost", "dora@localhost"] },
    });
    alice = await stage.enter("alice");
  });
  afterAll(() => stage?.stop());

  /** How the gateway's LMTP listener answers a recipient: Postfix hands these replies to whoever sends. */
  const refusal = async (...to: string[]): Promise<[string, number, string]> => {
    try {
      const sent = await sendMail({ port: stage.lmtpPort, lmtp: true, from: "probe@example.test", to, text: "hi" });
      return ["taken", sent.reply.code, sent.reply.text];
    } catch (error) {
      if (!(error instanceof MailRefused)) throw error;
      return [error.stage, error.reply.code, error.reply.text];
    }
  };

  it("does not exist before its user has asked for it or written", async () => {
    expect(await refusal("alice@mail.localhost")).toEqual(["RCPT TO", 550, "5.1.1 No such address here"]);
    expect(await alice.ask("join")).toBe("Your address is alice@mail.localhost.");
    expect(await refusal("alice@mail.localhost")).toMatchObject(["taken", 250, "2.0.0 Stored"]);
    expect(bodyOf(await alice.hear("probe@example.test"))).toBe("hi");
  });

  it("sends and receives without a sign-in, in one thread", async () => {
    const id = alice.write("bob@example.test", "Hello from my phone", { id: "hello", extra: wantsReceipt });
    await alice.receiptFor(id);
    const mail = await stage.mailWith("bob@example.test", "from my phone");
    expect(mail.headers.get("from")).toBe("alice@mail.localhost");
    expect(mail.messageId).toMatch(/^<[0-9a-v]{26}@mail\.localhost>$/);
    expect(mail.headers.get("return-path")).toBe("<alice@mail.localhost>");
    const subject = `Re: ${mail.subject}`;
    await stage.post({ from: bob, to: "alice@mail.localhost", subject, text: "Hello Alice!", answers: mail });
    const answer = await alice.hear("bob@example.test");
    expect(bodyOf(answer)).toBe("Hello Alice!");
    expect(answer.getChild("reply", "urn:xmpp:reply:0")?.attrs.id).toBe("hello");

    alice.write("bob@example.test", "How are you?", {
      extra: `<reply xmlns='urn:xmpp:reply:0' id='${answer.attrs.id}'/><thread>${answer.getChildText("thread")}</thread>`,
    });
    const next = await stage.mailWith("bob@example.test", "How are you");
    const references = next.headers.get("references")?.split(/\s+/) ?? [];
    expect(references[0]).toBe(mail.messageId);
    expect(next.headers.get("in-reply-to")).toBe(references[1]);
  });

  it("keeps its +tag: the mail arrives and says what it was sent to", async () => {
    await stage.post({ from: "shop@example.test", to: "alice+shop@mail.localhost", text: "your order" });
    expect(bodyOf(await alice.hear("shop@example.test"))).toBe("to: alice+shop@mail.localhost\nyour order");
  });

  it("is refused at RCPT when nobody has it, and the others of the same mail get theirs", async () => {
    expect(await refusal("stranger@mail.localhost")).toEqual(["RCPT TO", 550, "5.1.1 No such address here"]);
    const sent = await sendMail({
      port: stage.lmtpPort,
      lmtp: true,
      from: "both@example.test",
      to: ["stranger@mail.localhost", "alice@mail.localhost"],
      text: "for whoever is there",
    });
    expect(sent.accepted).toEqual(["alice@mail.localhost"]);
    expect(sent.rejected.map(({ address, reply }) => [address, reply.code])).toEqual([
      ["stranger@mail.localhost", 550],
    ]);
    expect(bodyOf(await alice.hear("both@example.test"))).toContain("for whoever is there");
  });

  it.each(["victim@example.test", "victim%example.test@mail.localhost.example.test"])(
    "cannot be used to send mail on to others: RCPT %s",
    async (victim) => {
      expect(await refusal(victim)).toEqual(["RCPT TO", 550, "5.7.1 Relaying denied"]);
    },
  );

  it.each([
    "victim%example.test@mail.localhost",
    "@mail.localhost:victim@example.test",
    '"victim@example.test"@evil.test',
  ])("is nobody's when it tries to route: RCPT %s", async (victim) => {
    const replies = await talk(stage.lmtpPort, ["LHLO x.test", "MAIL FROM:<>", `RCPT TO:<${victim}>`, "QUIT"]);
    expect(replies).toHaveLength(5);
    expect(replies[3]).toMatch(/^5\d\d /);
    expect(await stage.mailsOf("victim@example.test")).toEqual([]);
  });

  it("is not for those who may not use the gateway: nothing is made, and mail for them is refused", async () => {
    const mallory = await stage.enter("mallory");
    const id = mallory.write("bob@example.test", "let me in");
    expect(await mallory.errorOn(id)).toMatchObject({ condition: "not-allowed", type: "cancel" });
    const join = mallory.message({ to: gatewayJid, body: "join" });
    expect(await mallory.errorOn(join)).toMatchObject({ condition: "not-allowed" });
    expect(stage.gateway.gateway.accounts.of("email", "mallory@localhost")).toEqual([]);
    expect(await refusal("mallory@mail.localhost")).toEqual(["RCPT TO", 550, "5.1.1 No such address here"]);
  });

  it("gets the error on the very message when a recipient is refused", async () => {
    const id = alice.write("nobody@example.test", "are you there?");
    expect(await alice.errorOn(id)).toEqual({
      id,
      type: "cancel",
      condition: "item-not-found",
      text: "There is no mailbox nobody@example.test (550 5.1.1).",
    });
  });

  it("reaches another user of the same domain, and answers find back", async () => {
    const carol = await stage.enter("carol");
    await carol.ask("join");
    alice.write("carol@mail.localhost", "over the garden fence", { id: "fence" });
    const heard = await carol.hear("alice@mail.localhost");
    expect(bodyOf(heard)).toBe("Subject: over the garden fence\nover the garden fence");
    carol.write("alice@mail.localhost", "come over");
    const answer = await alice.hear("carol@mail.localhost");
    expect(bodyOf(answer)).toBe("come over");
    expect(answer.getChild("reply", "urn:xmpp:reply:0")?.attrs.id).toBe("fence");
  });

  it("E13: written to by its own user shows the message once", async () => {
    const id = alice.write("alice@mail.localhost", "note to myself", { extra: wantsReceipt });
    await alice.receiptFor(id);
    await until("Postfix has brought it back", async () =>
      /to=<alice@mail\.localhost>.*status=sent/.test(await stage.postfix.logText()),
    );
    await stage.post({ from: "after@example.test", to: "alice@mail.localhost", text: "the one after" });
    await alice.hear("after@example.test");
    expect(alice.heardFrom("alice@mail.localhost")).toEqual([]);
  });

  it("forged as the sender is shown with a warning", async () => {
    await stage.post({ from: "alice@mail.localhost", to: "alice@mail.localhost", text: "send money" });
    expect(bodyOf(await alice.hear("alice@mail.localhost"))).toBe(
      "This mail carries your own address as its sender; nothing proves that you wrote it.\nsend money",
    );
  });

  it("keeps the mail that comes while its user is offline", async () => {
    const dora = await stage.enter("dora");
    await dora.ask("join");
    await dora.close();
    await stage.post({ from: "owl@example.test", to: "dora@mail.localhost", text: "at night" });
    await until("the gateway has handed it over", () => stage.handedOver("owl@example.test"));
    const again = await stage.enter("dora");
    const message = await again.hear("owl@example.test");
    expect(bodyOf(message)).toBe("at night");
    expect(message.getChild("delay", "urn:xmpp:delay")?.attrs.from).toBe("localhost");
  });

  it("keeps the mail that comes while the gateway is down, and its thread", async () => {
    const id = alice.write("fred@example.test", "Which day?", { id: "day", extra: wantsReceipt });
    await alice.receiptFor(id);
    const mail = await stage.mailWith("fred@example.test", "Which day");
    await stage.stopGateway();
    await stage.post({
      from: "fred@example.test",
      to: "alice@mail.localhost",
      subject: "Re: Which day?",
      text: "Any.",
      answers: mail,
    });
    await until("Postfix has met the closed door", async () =>
      /to=<alice@mail\.localhost>.*status=deferred/.test(await stage.postfix.logText()),
    );
    await stage.startGateway();
    await stage.postfix.flushQueue();
    const answer = await alice.hear("fred@example.test");
    expect(bodyOf(answer)).toBe("Any.");
    expect(answer.getChild("reply", "urn:xmpp:reply:0")?.attrs.id).toBe("day");
  });
});

/** Speaks line by line and returns the last line of each reply; the greeting is the first. */
async function talk(port: number, lines: readonly string[]): Promise<string[]> {
  const socket = connect(port, "127.0.0.1");
  const replies: string[] = [];
  const left = [...lines];
  let text = "";
  for await (const chunk of socket) {
    text += String(chunk);
    for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      if (/^\d{3}-/.test(line)) continue;
      replies.push(line);
      const next = left.shift();
      if (next !== undefined) socket.write(`${next}\r\n`);
    }
  }
  return replies;
}
