import { describe, expect, it } from "vitest";
import { fullText, mailToEvents } from "../../../bridges/email/mime-to-message.ts";
import { fileAt } from "../../../bridges/email/text/files.ts";
import { arrival, fromBob, fromImap, mail, only, open } from "./mails.ts";

const plain = "Content-Type: text/plain; charset=utf-8";

describe("one mail", () => {
  it("becomes one message from its author, with the subject that opens the thread", async () => {
    expect(await open(fromBob([plain], ["See you at noon.", "", "Bob"]))).toEqual({
      type: "message",
      id: "<1@example.com>",
      peer: { kind: "contact", id: "bob@example.com" },
      from: "bob@example.com",
      name: "Bob",
      sentAt: Date.UTC(2026, 9, 31, 10),
      subject: "Lunch",
      thread: "72107cb5a7083976a37503d58f2607a9",
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      text: "See you at noon.\n\nBob",
      unstyled: true,
      context: { messageId: "<1@example.com>", references: [], subject: "Lunch", address: "bob@example.com" },
    });
  });

  it("has a lower-case contact and remembers how the address is written", async () => {
    const message = await open(fromBob(["From: Bob <Bob.Smith@Example.COM>"], ["Hi"]));
    expect(message.peer.id).toBe("bob.smith@example.com");
    expect(message.context).toMatchObject({ address: "Bob.Smith@example.com" });
  });

  it("without a usable Message-ID gets one from its content, the same each time", async () => {
    const raw = fromBob(["Message-ID: nonsense"], ["Hi"]);
    const message = await open(raw);
    expect(message.id).toMatch(/^<[0-9a-f]{64}@viaduct\.invalid>$/);
    expect((await open(raw)).id).toBe(message.id);
    expect((await open(fromBob(["Message-ID: nonsense"], ["Ho"]))).id).not.toBe(message.id);
  });

  it("is told apart from another mail with the same Message-ID by its digest", async () => {
    const [one, other] = [await open(fromBob([], ["Hi"])), await open(fromBob([], ["Ho"]))];
    expect(one.id).toBe(other.id);
    expect(one.digest).not.toBe(other.digest);
  });

  it("without a From comes from the envelope's sender, else from nobody known", async () => {
    const raw = mail("To: alice@example.org", "Subject: x", "", "Hi");
    expect((await open(raw, { ...fromImap, mailFrom: "Bob@example.com" })).from).toBe("bob@example.com");
    expect((await open(raw)).from).toBe("unknown@sender.invalid");
  });

  it("says who else got it", async () => {
    const raw = fromBob(
      [
        "To: alice@example.org, Carol <carol@example.net>, dave@example.net",
        "Cc: Erin <erin@example.net>, Bob <bob@example.com>",
      ],
      ["Hi"],
    );
    expect((await open(raw)).note).toBe("also to: Carol, dave +1");
  });

  it("of the user's own is shown with the contact it went to", async () => {
    const raw = mail(
      "From: Alice <Alice@example.org>",
      "To: Bob <Bob@example.com>, carol@example.net",
      "Message-ID: <9@example.org>",
      "Subject: Hi",
      "",
      "Hello",
    );
    const message = await open(raw);
    expect([message.from, message.peer.id, message.note]).toEqual(["self", "bob@example.com", "also to: carol"]);
    expect(message.context).toMatchObject({ address: "Bob@example.com" });
    expect(message.name).toBeUndefined();
  });

  it("E14: of the user's own keeps the id it was sent with when the provider gave it another", async () => {
    const headers = [
      "From: alice@example.org",
      "To: bob@example.com",
      "Message-ID: <new@outlook.example>",
      "X-Microsoft-Original-Message-ID: <sent@example.org>",
    ];
    const message = await open(mail(...headers, "", "Hello"));
    expect([message.id, message.digest]).toEqual(["<sent@example.org>", undefined]);
  });

  it("that only claims to be the user's own, at the door of the domain, is from a contact and says so", async () => {
    const message = await open(mail("From: alice@example.org", "To: alice@example.org", "", "Pay!"), {
      source: "lmtp",
      receivedAt: arrival,
    });
    expect(message.from).toBe("alice@example.org");
    expect(message.note).toBe("This mail carries your own address as its sender; nothing proves that you wrote it.");
  });
});

describe("threads", () => {
  const answer = (...more: string[]): Buffer =>
    fromBob(["Message-ID: <3@example.com>", "Subject: Re: Lunch", ...more], ["Yes"]);

  it("are named by their first mail, and parents come nearest first", async () => {
    const root = await open(fromBob([], ["Hi"]));
    const message = await open(answer("In-Reply-To: <2@example.org>", "References: <1@example.com> <2@example.org>"));
    expect(message.thread).toBe(root.thread);
    expect(message.replyTo).toEqual(["<2@example.org>", "<1@example.com>"]);
    expect(message.subject).toBeUndefined();
    expect(message.context).toMatchObject({ subject: "Re: Lunch", references: ["<1@example.com>", "<2@example.org>"] });
  });

  it("are found without References", async () => {
    const root = await open(fromBob([], ["Hi"]));
    expect((await open(answer("In-Reply-To: Your message of Sat <1@example.com>"))).thread).toBe(root.thread);
  });

  it("keep the first and the last 20 of a long list of references", async () => {
    const ids = Array.from({ length: 60 }, (_, index) => `<r${index}@example.com>`);
    const message = await open(answer(`References: ${ids.join("\r\n ")}`));
    expect(message.replyTo).toHaveLength(21);
    expect(message.replyTo?.[0]).toBe("<r59@example.com>");
    expect(message.replyTo?.at(-1)).toBe("<r0@example.com>");
  });

  it("show the subject when an answer changes it", async () => {
    expect(
      (await open(fromBob(["In-Reply-To: <1@example.com>", "Subject: Dinner (was: Lunch)"], ["Hi"]))).subject,
    ).toBe("Dinner (was: Lunch)");
  });

  it("drop the quoted parent of an answer, and only of an answer", async () => {
    const body = ["Yes.", "", "On Sat, Oct 31, 2026 Bob <bob@example.com> wrote:", "> Noon?"];
    expect((await open(fromBob(["In-Reply-To: <0@example.org>", "Subject: Re: Lunch"], body))).text).toBe("Yes.");
    expect((await open(fromBob([], body))).text).toBe(body.join("\n"));
    expect((await open(fromBob(["In-Reply-To: <0@example.org>", "Subject: Fwd: Lunch"], body))).text).toBe(
      body.join("\n"),
    );
  });
});

describe("time", () => {
  it.each([
    ["Sat, 31 Oct 2026 10:00:00 +0200 (CEST)", Date.UTC(2026, 9, 31, 8)],
    ["31 Oct 2026 10:00 GMT", Date.UTC(2026, 9, 31, 10)],
    ["Tue, 03 Nov 2026 10:00:00 +0000", arrival],
    ["Thu, 01 Jan 1970 00:00:00 +0000", arrival],
    ["yesterday", arrival],
  ])("of %j", async (date, time) => {
    expect((await open(fromBob([`Date: ${date}`], ["Hi"]))).sentAt).toBe(time);
  });
});

describe("E12: automatic mail", () => {
  it.each([
    "Auto-Submitted: auto-replied",
    "Precedence: bulk",
    "X-Auto-Response-Suppress: All",
    "List-Id: <dev.example.com>",
    "Return-Path: <>",
    "From: no-reply@example.com",
    "From: MAILER-DAEMON@example.com",
    "Content-Type: multipart/report; boundary=x",
  ])("is known by %s", async (line) => {
    expect((await open(fromBob([line], ["Hi"]))).automatic).toBe(true);
  });

  it.each(["Auto-Submitted: no", "Precedence: first-class", "Return-Path: <bob@example.com>"])(
    "is not what says %s",
    async (line) => {
      expect((await open(fromBob([line], ["Hi"]))).automatic).toBeUndefined();
    },
  );

  it("is a mail with a null envelope sender", async () => {
    expect((await open(fromBob([], ["Hi"]), { ...fromImap, mailFrom: "" })).automatic).toBe(true);
  });

  it("of a delivery report shows the words for people", async () => {
    const raw = fromBob(
      ['Content-Type: multipart/report; report-type=delivery-status; boundary="b"'],
      [
        "--b",
        "",
        "It bounced.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Status: 5.1.1",
        "--b",
        "Content-Type: message/rfc822",
        "",
        "Subject: old",
        "",
        "old body",
        "--b--",
      ],
    );
    expect(await open(raw)).toMatchObject({ text: "It bounced.", automatic: true });
  });
});

describe("the text", () => {
  const alternative = (text: string, html: string): Buffer =>
    fromBob(
      ["MIME-Version: 1.0", 'Content-Type: multipart/alternative; boundary="b"'],
      [
        "--b",
        "Content-Type: text/plain; charset=utf-8",
        "",
        text,
        "--b",
        "Content-Type: text/html; charset=utf-8",
        "",
        html,
        "--b--",
      ],
    );

  it("is the plain one of two, unstyled", async () => {
    expect(await open(alternative("Plain *words*", "<p>Rich</p>"))).toMatchObject({
      text: "Plain *words*",
      unstyled: true,
    });
  });

  it("is the HTML when the plain one is empty or a stub", async () => {
    const empty = await open(alternative("  ", "<p>Rich</p>"));
    expect([empty.text, empty.unstyled]).toEqual(["Rich", undefined]);
    expect(
      (await open(alternative("Your mail program does not support HTML. View it in your browser.", "<p>Rich</p>")))
        .text,
    ).toBe("Rich");
  });

  it("is read from HTML under a plain label", async () => {
    expect((await open(fromBob([plain], ["<!DOCTYPE html><html><body><p>Rich</p></body></html>"]))).text).toBe("Rich");
  });

  it("is unwrapped when it is flowed", async () => {
    expect((await open(fromBob([`${plain}; format=flowed; delsp=yes`], ["one ", "two", "three"]))).text).toBe(
      "onetwo\nthree",
    );
    expect((await open(fromBob([`${plain}; format=flowed`], ["one ", "two", "three"]))).text).toBe("one two\nthree");
  });

  it("joins the texts of a mixed mail in order", async () => {
    const raw = fromBob(
      ['Content-Type: multipart/mixed; boundary="b"'],
      ["--b", "", "one", "--b", "Content-Type: text/html", "", "<p>two</p>", "--b--"],
    );
    expect((await open(raw)).text).toBe("one\n\ntwo");
  });

  it("ends at the signature", async () => {
    expect((await open(fromBob([plain], ["Hi", "-- ", "Bob Smith", "Example Ltd"]))).text).toBe("Hi");
  });

  it("is cut with a mark when it is long", async () => {
    const message = only(
      await mailToEvents(fromBob([plain], ["word ".repeat(10_000)]), fromImap, "alice@example.org", {
        textLength: 1000,
      }),
    );
    expect(message.text.length).toBeLessThan(1100);
    expect(
      message.text.endsWith(
        'word\n[…cut here: 49 kB more. Write "full bob@example.com" to the gateway to get the whole message.]',
      ),
    ).toBe(true);
  });

  it("is never empty", async () => {
    expect((await open(fromBob([plain], [""]))).text).toBe("(no text)");
    expect((await open(Buffer.alloc(0))).text).toBe("(no text)");
  });

  it("loses the characters that XML forbids, and says how many", async () => {
    expect(await open(fromBob([plain], ["a\u0008b\u0000c"]))).toMatchObject({
      text: "abc",
      note: "2 unreadable characters were left out.",
    });
  });

  it("of an encrypted mail says so", async () => {
    const raw = fromBob(
      ['Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"'],
      [
        "--b",
        "Content-Type: application/pgp-encrypted",
        "",
        "Version: 1",
        "--b",
        'Content-Type: application/octet-stream; name="encrypted.asc"',
        "",
        "-----BEGIN",
        "--b--",
      ],
    );
    expect((await open(raw)).text).toContain("This mail is encrypted");
  });

  it("E22: of a mail inside the mail is kept whole and labelled", async () => {
    const raw = fromBob(
      ['Content-Type: multipart/mixed; boundary="b"', "Subject: Fwd: Lunch"],
      [
        "--b",
        "",
        "Look:",
        "--b",
        "Content-Type: message/rfc822",
        "",
        "From: Carol <carol@example.net>",
        "Subject: Inner",
        "",
        "Inner text",
        "-- ",
        "Carol",
        "--b--",
      ],
    );
    expect((await open(raw)).text).toBe(
      "Look:\n\n---------- Forwarded message ----------\nFrom: Carol <carol@example.net>\nSubject: Inner\n\nInner text\n-- \nCarol",
    );
  });

  it("of a mail too big to load says so", async () => {
    const message = await open(fromBob([plain], ["Beginning"]), { ...fromImap, truncated: true, size: 40_000_000 });
    expect(message).toMatchObject({ text: "Beginning", note: "This mail is too big to be loaded whole (40.0 MB)." });
  });
});

describe("files", () => {
  const withFile = (...part: string[]): Buffer =>
    fromBob(['Content-Type: multipart/mixed; boundary="b"'], ["--b", "", "Here.", "--b", ...part, "--b--"]);

  it("go with the message, and are read out of the mail by their place in it", async () => {
    const raw = withFile(
      "Content-Type: application/pdf",
      'Content-Disposition: attachment; filename="report.pdf"',
      "Content-Transfer-Encoding: base64",
      "",
      "UERG".repeat(3000),
    );
    expect(await open(raw)).toMatchObject({
      text: "Here.",
      attachments: [{ name: "report.pdf", type: "application/pdf", size: 9000, source: 0 }],
    });
    expect(await fileAt(raw, 0)).toEqual({
      type: "application/pdf",
      bytes: new Uint8Array(Buffer.from("PDF".repeat(3000))),
    });
    for (const source of [1, -1, "0", null, { file: 0 }, 1e300]) expect(await fileAt(raw, source)).toBeUndefined();
  });

  it("are only named where the mail is not there whole", async () => {
    const raw = withFile(
      "Content-Type: application/pdf; name=report.pdf",
      "Content-Transfer-Encoding: base64",
      "",
      "UERG",
    );
    const message = await open(raw, { ...fromImap, truncated: true, size: 3_000_000 });
    expect(message.attachments).toBeUndefined();
    expect(message.text).toBe("Here.\n\n[file: report.pdf, application/pdf, 3 bytes]");
    expect(message.note).toBe("This mail is too big to be loaded whole (3.0 MB).");
  });

  it("beyond the twentieth are counted", async () => {
    const part = ["--b", "Content-Type: application/pdf", "", "PDF"];
    const raw = fromBob(['Content-Type: multipart/mixed; boundary="b"'], [...Array(25).fill(part).flat(), "--b--"]);
    const message = await open(raw);
    expect(message.attachments).toHaveLength(20);
    expect(message.text).toBe("[and 5 more files]");
  });

  it("E22: keep meetings", async () => {
    const message = await open(
      withFile(
        "Content-Type: text/calendar; method=REQUEST",
        "Content-Transfer-Encoding: base64",
        "",
        "QkVHSU46VkNBTEVOREFS",
      ),
    );
    expect(message.attachments).toEqual([{ name: "meeting.ics", type: "text/calendar", size: 15, source: 0 }]);
  });

  it("E17: are marked when they are programs", async () => {
    const message = await open(
      withFile(
        "Content-Type: application/octet-stream",
        'Content-Disposition: attachment; filename="..\\\\..\\\\photo.jpg.exe"',
        "Content-Transfer-Encoding: base64",
        "",
        "TVo=",
      ),
    );
    expect(message.note).toBe("photo.jpg.exe is a program: opening it is dangerous.");
  });

  it("leave out the small pictures that decorate HTML", async () => {
    const raw = fromBob(
      ['Content-Type: multipart/related; boundary="b"'],
      [
        "--b",
        "Content-Type: text/html",
        "",
        '<p>Hi</p><img src="cid:1">',
        "--b",
        "Content-Type: image/png; name=logo.png",
        "Content-ID: <1>",
        "",
        "PNG",
        "--b--",
      ],
    );
    expect((await open(raw)).text).toBe("Hi");
  });
});

describe("warnings", () => {
  const note = async (...lines: string[]): Promise<string | undefined> => (await open(fromBob(lines, ["Hi"]))).note;

  it("E02: tell of a name that shows another address", async () => {
    const message = await open(fromBob(["From: =?utf-8?Q?ceo=40bank.example?= <eve@evil.example>"], ["Pay"]));
    expect([message.from, message.name]).toEqual(["eve@evil.example", "eve"]);
    expect(message.note).toBe(
      "The sender's name shows another address (ceo@bank.example); the mail is from eve@evil.example.",
    );
  });

  it("E02: tell of several senders in one From, and believe no one when there are several From", async () => {
    expect(await note("From: Bob <bob@example.com>, Eve <eve@evil.example>")).toBe(
      "This mail names several senders: bob@example.com, eve@evil.example.",
    );
    const message = await open(mail("From: ceo@bank.example", "From: eve@evil.example", "", "Pay"));
    expect(message.from).toBe("unknown@sender.invalid");
    expect(message.note).toBe(
      "This mail names several senders (ceo@bank.example, eve@evil.example), so none of them can be believed.",
    );
  });

  it("E03: tell of answers that should go elsewhere, and keep answering the author", async () => {
    const message = await open(fromBob(["Reply-To: eve@evil.example"], ["Hi"]));
    expect(message.note).toBe(
      "The sender asks for answers to another address (eve@evil.example); yours go to bob@example.com.",
    );
    expect(message.context).toMatchObject({ address: "bob@example.com" });
    expect(await note("Reply-To: help@support.example.com")).toBeUndefined();
    expect(await note("Reply-To: list@lists.example", "List-Id: <list.lists.example>")).toBeUndefined();
  });

  it("E02: tell of look-alike domains and of hidden marks in names", async () => {
    expect(await note("From: Bank <info@xn--pypal-4ve.com>")).toBe(
      "The sender's domain uses letters that look like others (xn--pypal-4ve.com).",
    );
    expect(await note("From: =?utf-8?Q?Bob=E2=80=AEtxt?= <bob@example.com>")).toBe(
      "The sender's name held hidden marks that turn text around.",
    );
  });

  const shows = (other: string, from: string): string =>
    `The sender's name shows another address (${other}); the mail is from ${from}.`;
  const doubtful = (field: string): string => `It cannot be told for certain who sent this mail: ${field}`;
  const unreadable = (field: string): string => `The sender's address could not be read: ${field}`;

  it.each([
    ["ceo@bank.example (x <eve@evil.example>)", "ceo@bank.example", shows("x <eve@evil.example>", "ceo@bank.example")],
    ['"ceo@bank.example" <eve@evil.example>', "eve@evil.example", shows("ceo@bank.example", "eve@evil.example")],
    ["ceo@bank.example <eve@evil.example>", "eve@evil.example", shows("ceo@bank.example", "eve@evil.example")],
    ["ceo@bank.example\u0000 <eve@evil.example>", "eve@evil.example", shows("ceo@bank.example", "eve@evil.example")],
    [
      '"x\\" <ceo@bank.example>" <eve@evil.example>',
      "eve@evil.example",
      shows('x" <ceo@bank.example>', "eve@evil.example"),
    ],
    [
      "<ceo@bank.example> <eve@evil.example>",
      "unknown@sender.invalid",
      doubtful("<ceo@bank.example> <eve@evil.example>"),
    ],
    [
      "Bob <eve@evil.example> ceo@bank.example",
      "unknown@sender.invalid",
      doubtful("Bob <eve@evil.example> ceo@bank.example"),
    ],
    [
      "<eve@evil.example <ceo@bank.example>>",
      "unknown@sender.invalid",
      doubtful("<eve@evil.example <ceo@bank.example>>"),
    ],
    ["x (<ceo@bank.example>", "unknown@sender.invalid", unreadable("x (<ceo@bank.example>")],
    ["ceo@bank.example@evil.example", "unknown@sender.invalid", unreadable("ceo@bank.example@evil.example")],
    ["<@evil.example:ceo@bank.example>", "unknown@sender.invalid", unreadable("<@evil.example:ceo@bank.example>")],
    ['"ceo@bank.example"@evil.example', "unknown@sender.invalid", unreadable('"ceo@bank.example"@evil.example')],
    [
      "Group: ceo@bank.example, eve@evil.example;",
      "ceo@bank.example",
      "This mail names several senders: ceo@bank.example, eve@evil.example.",
    ],
  ])("E02: believe a trick in From only with a word about it: %s", async (field, from, note) => {
    const message = await open(fromBob([`From: ${field}`], ["Pay"]));
    expect([message.from, message.note]).toEqual([from, note]);
    expect(message.name).not.toContain("@");
  });

  it.each([
    ["bob@example.com", "bob"],
    ["Bob Smith <bob@example.com>", "Bob Smith"],
    ['"Smith, Bob (Sales)" <bob@example.com>', "Smith, Bob (Sales)"],
    ["bob@example.com (Bob Smith)", "Bob Smith"],
    ['"Bob \\"B\\" Smith" <bob@example.com>', "Bob B Smith"],
    ["=?utf-8?Q?B=C3=B6b?= <bob@example.com>", "Böb"],
  ])("say nothing about an honest From: %s", async (field, name) => {
    const message = await open(fromBob([`From: ${field}`], ["Hi"]));
    expect([message.from, message.name, message.note]).toEqual(["bob@example.com", name, undefined]);
  });
});

describe("fullText", () => {
  it("holds everything that the message leaves out", async () => {
    const raw = fromBob(["In-Reply-To: <1@example.com>", plain], ["Yes.", "", "> Noon?", "-- ", "Bob"]);
    expect(await fullText(raw)).toBe(
      "From: Bob <bob@example.com>\nTo: Alice <alice@example.org>\nDate: Sat, 31 Oct 2026 10:00:00 +0000\nSubject: Lunch\n\nYes.\n\n> Noon?\n-- \nBob",
    );
  });
});
