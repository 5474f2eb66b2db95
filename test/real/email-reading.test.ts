// Account mode, told by people on real servers: what a mail becomes as a message.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { XmppServerName } from "../lab/xmpp-server.ts";
import { bodyOf, jidOf, type Person, wantsReceipt } from "./person.ts";
import { setStage, type Stage, until } from "./stage.ts";

const servers: readonly XmppServerName[] = ["prosody", "ejabberd"];

describe.each(servers)("a mail to a user, on %s", (xmpp) => {
  let stage: Stage;
  let alice: Person;
  beforeAll(async () => {
    stage = await setStage({ xmpp, users: ["alice"], settings: { textLength: 1000 } });
    alice = await stage.enter("alice");
    await alice.signIn("alice@example.org");
  });
  afterAll(() => stage?.stop());

  it("that answers one of two messages points at that one, without the quote and the signature", async () => {
    const bob = "Bob Builder <bob@example.test>";
    const ask = async (id: string, text: string) => {
      alice.write("bob@example.test", text, { id, extra: wantsReceipt });
      await alice.receiptFor(id);
      return stage.mailWith("bob@example.test", text);
    };
    const friday = await ask("friday", "Shall we meet on Friday?");
    await ask("monday", "Or on Monday?");
    await stage.post({
      from: bob,
      to: "alice@example.org",
      subject: "Re: Shall we meet on Friday?",
      text: "Friday is fine.\n\nOn Monday Alice wrote:\n> Shall we meet on Friday?\n\n-- \nBob Builder\nphone 555",
      answers: friday,
    });
    const first = await alice.hear("bob@example.test");
    expect(bodyOf(first)).toBe("Friday is fine.");
    expect(first.attrs.type).toBe("chat");
    expect(first.getChild("reply", "urn:xmpp:reply:0")?.attrs).toMatchObject({ id: "friday", to: "alice@localhost" });
    expect(first.getChildText("nick")).toBe("Bob Builder");

    await stage.post({
      from: bob,
      to: "alice@example.org",
      subject: "Re: Friday",
      text: "And Carol?",
      answers: friday,
    });
    const second = await alice.hear("bob@example.test");
    expect(second.getChildText("thread")).toBe(first.getChildText("thread"));
    await stage.post({ from: bob, to: "alice@example.org", subject: "Something else", text: "New topic" });
    const other = await alice.hear("bob@example.test");
    expect(other.getChildText("thread")).not.toBe(first.getChildText("thread"));
    expect(other.getChildText("subject")).toBe("Something else");
    expect(bodyOf(other)).toBe("Subject: Something else\nNew topic");
  });

  it("stays in the thread that the user's client began", async () => {
    alice.write("tom@example.test", "In a thread of mine", { id: "t1", extra: "<thread>my-thread</thread>" });
    const mail = await stage.mailWith("tom@example.test", "thread of mine");
    await stage.post({
      from: "tom@example.test",
      to: "alice@example.org",
      subject: `Re: ${mail.subject}`,
      text: "ok",
      answers: mail,
    });
    const answer = await alice.hear("tom@example.test");
    expect(answer.getChildText("thread")).toBe("my-thread");
    alice.write("tom@example.test", "still there", { extra: "<thread>my-thread</thread>" });
    const next = await stage.mailWith("tom@example.test", "still there");
    const [tomsMail] = (await stage.mailsOf("alice@example.org")).slice(-1);
    expect(next.headers.get("in-reply-to")).toBe(tomsMail?.messageId);
  });

  it("becomes seen in the mailbox when the user has read it, and not before", async () => {
    await stage.post({ from: "carol@example.test", to: "alice@example.org", text: "read me" });
    const message = await alice.hear("carol@example.test");
    expect(message.getChild("markable", "urn:xmpp:chat-markers:0")).toBeDefined();
    const flags = async () => (await stage.mailWith("alice@example.org", "read me")).flags;
    expect(await flags()).toEqual([]);
    alice.send(
      `<message to='${jidOf("carol@example.test")}' type='chat' id='seen'><displayed xmlns='urn:xmpp:chat-markers:0' id='${message.attrs.id}'/></message>`,
    );
    await until("the mail is seen", async () => (await flags()).includes("\\Seen"));
  });

  it("in HTML alone becomes text, with its links and without what was hidden", async () => {
    await stage.postRaw("shop@example.test", "alice@example.org", [
      "From: Shop <shop@example.test>",
      "To: alice@example.org",
      "Subject: Sale",
      "MIME-Version: 1.0",
      "Content-Type: text/html; charset=utf-8",
      "",
      '<html><body><div style="display:none">preview text</div><p>Dear <b>Alice</b>,</p>',
      '<p>see <a href="https://shop.example/sale">our offers</a>.</p><img src="https://t.example/p.gif" width="1" height="1"></body></html>',
      "",
    ]);
    expect(bodyOf(await alice.hear("shop@example.test"))).toBe(
      "Subject: Sale\nDear Alice,\n\nsee our offers <https://shop.example/sale>.",
    );
  });

  it("names its attachments, and warns of programs", async () => {
    const part = (name: string, type: string, content: string) => [
      "--b",
      `Content-Type: ${type}; name="${name}"`,
      `Content-Disposition: attachment; filename="${name}"`,
      "Content-Transfer-Encoding: base64",
      "",
      Buffer.from(content).toString("base64"),
    ];
    await stage.postRaw("dave@example.test", "alice@example.org", [
      "From: dave@example.test",
      "To: alice@example.org",
      "Subject: Re: papers",
      "In-Reply-To: <unknown@example.test>",
      "MIME-Version: 1.0",
      'Content-Type: multipart/mixed; boundary="b"',
      "",
      "--b",
      "Content-Type: text/plain",
      "",
      "Here they are.",
      ...part("report.pdf", "application/pdf", "x".repeat(38_000)),
      ...part("setup.exe", "application/octet-stream", "MZ"),
      "--b--",
      "",
    ]);
    expect(bodyOf(await alice.hear("dave@example.test"))).toBe(
      [
        "setup.exe is a program: opening it is dangerous.",
        "Here they are.",
        "[report.pdf (application/pdf): this gateway has no web server to show files with]",
        "[setup.exe (application/octet-stream): this gateway has no web server to show files with]",
      ].join("\n"),
    );
  });

  it("of a mailing list does not ring and asks for no place in the roster", async () => {
    await stage.post({
      from: "Lister <lister@example.test>",
      to: "alice@example.org",
      subject: "[dev] Release",
      text: "It is out.",
      headers: { "List-Id": "<dev.lists.example.test>", Precedence: "list" },
    });
    const message = await alice.hear("lister@example.test");
    // ejabberd leaves the type out: "normal" is its default (RFC 6121 section 5.2.2).
    expect(message.attrs.type ?? "normal").toBe("normal");
    await stage.post({ from: "human@example.test", to: "alice@example.org", text: "a human" });
    await alice.hear("human@example.test");
    const asked = (address: string) => (stanza: { attrs: Record<string, unknown> }) =>
      stanza.attrs["type"] === "subscribe" && stanza.attrs["from"] === jidOf(address);
    await alice.next(asked("human@example.test"), { what: "the introduction of the human" });
    expect(alice.stanzas.some(asked("lister@example.test"))).toBe(false);
  });

  it("to several people says who else got it", async () => {
    await stage.post({
      from: "gina@example.test",
      to: "alice@example.org",
      subject: "Party",
      text: "Come all!",
      headers: {
        To: "Alice <alice@example.org>, Bob Builder <bob@example.test>",
        Cc: "Carol <carol@example.test>, dan@example.test",
      },
    });
    expect(bodyOf(await alice.hear("gina@example.test"))).toBe(
      "Subject: Party\nalso to: Bob Builder, Carol +1\nCome all!",
    );
  });

  it("keeps umlauts, other scripts and emoji, whatever its charset", async () => {
    await stage.postRaw("jorg@example.test", "alice@example.org", [
      "From: =?iso-8859-1?Q?J=F6rg_M=FCller?= <jorg@example.test>",
      "To: alice@example.org",
      "Subject: =?UTF-8?B?R3LDvMOfZSDwn5iA?=",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=iso-8859-1",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "Sch=F6ne Gr=FC=DFe",
      "",
    ]);
    const first = await alice.hear("jorg@example.test");
    expect(bodyOf(first)).toBe("Subject: Grüße 😀\nSchöne Grüße");
    expect(first.getChildText("nick")).toBe("Jörg Müller");
    alice.write("jorg@example.test", "Danke schön, 日本語, 👩‍👩‍👧 & <tags> \u{1d11e}", {
      extra: "<subject>Größe ∞</subject>",
    });
    const mail = await stage.mailWith("jorg@example.test", "Danke");
    expect(mail.text.trim()).toBe("Danke schön, 日本語, 👩‍👩‍👧 & <tags> \u{1d11e}");
    expect(mail.subject).toBe("Größe ∞");
  });

  it("that is long is cut with a mark, and `full` shows all of it", async () => {
    const words = Array.from({ length: 400 }, (_, index) => `word${index}`).join(" ");
    await stage.post({ from: "long@example.test", to: "alice@example.org", subject: "Long", text: words });
    const body = bodyOf(await alice.hear("long@example.test"));
    expect(body.length).toBeLessThan(1200);
    expect(body).toMatch(
      /word\d+\n\[…cut here: \d kB more\. Write "full long@example\.test" to the gateway to get the whole message\.\]$/,
    );
    const whole = await alice.ask("full long@example.test");
    expect(whole).toContain("From: long@example.test\nTo: alice@example.org\n");
    expect(whole.replaceAll("\n", " ")).toContain(words);
  });

  it("from the user's own other program is shown once, in the chat with whom it went to", async () => {
    await stage.post({ from: "alice@example.org", to: "alice@example.org", subject: "Memo", text: "my memo" });
    const memo = await alice.hear("alice@example.org");
    expect(bodyOf(memo)).toBe("You wrote from another program:\nSubject: Memo\nmy memo");
    await stage.post({ from: "zed@example.test", to: "alice@example.org", text: "the next one" });
    await alice.hear("zed@example.test");
    expect(alice.heardFrom("alice@example.org")).toHaveLength(1);
  });

  it("that comes while the user is offline is there when they log in", async () => {
    await alice.close();
    await stage.post({ from: "owl@example.test", to: "alice@example.org", text: "at night" });
    await stage.mailWith("alice@example.org", "at night");
    await until("the gateway has handed it over", () => stage.handedOver("owl@example.test"));
    alice = await stage.enter("alice");
    const message = await alice.hear("owl@example.test");
    expect(bodyOf(message)).toBe("at night");
    // Only the server's store for those who are offline marks it so.
    expect(message.getChild("delay", "urn:xmpp:delay")?.attrs.from).toBe("localhost");
  });
});
