import fc from "fast-check";
import PostalMime from "postal-mime";
import { describe, expect, it } from "vitest";
import { BridgeError, type MessageRef, type OutgoingMessage } from "#bridge";
import { composeMail, sentContext } from "../../../bridges/email/message-to-mime.ts";
import { open } from "./mails.ts";

const key = "0123456789abcdefghijklmnop";
const alice = { address: "alice@example.org", name: "Alice" };
const sentAt = Date.UTC(2026, 10, 1, 12);

function message(more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    key,
    peer: { kind: "contact", id: "bob@example.com" },
    text: "Lunch at noon?",
    sentAt,
    uncertain: false,
    ...more,
  };
}

function ref(more: Partial<MessageRef> = {}): MessageRef {
  const context = {
    messageId: "<7@example.com>",
    references: ["<1@example.org>"],
    subject: "AW: Lunch",
    address: "Bob@example.com",
  };
  return { id: "<7@example.com>", fromSelf: false, sentAt: sentAt - 60_000, context, ...more };
}

const headers = (raw: string): string => raw.slice(0, raw.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");

describe("composeMail", () => {
  it("makes a whole mail, with nothing in it that the user did not say", async () => {
    const mail = await composeMail(message({ text: "Lunch at *noon*?\n-- \nA" }), alice);
    expect(mail.raw).toBe(
      [
        "From: Alice <alice@example.org>",
        "To: bob@example.com",
        "Subject: Lunch at *noon*?",
        `Message-ID: <${key}@example.org>`,
        "Date: Sun, 01 Nov 2026 12:00:00 +0000",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        ` boundary="=_${key}"`,
        "",
        `--=_${key}`,
        "Content-Type: text/plain; charset=utf-8; format=flowed",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Lunch at *noon*?",
        "-=E2=80=8B-",
        "A",
        `--=_${key}`,
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "<!DOCTYPE html><html><body><div>Lunch at <strong>noon</strong>?<br>",
        "-- <br>",
        "A</div></body></html>",
        `--=_${key}--`,
        "",
      ].join("\r\n"),
    );
    expect({ ...mail, raw: "" }).toEqual({
      raw: "",
      messageId: `<${key}@example.org>`,
      from: "alice@example.org",
      to: ["bob@example.com"],
      subject: "Lunch at *noon*?",
      references: [],
      thread: expect.stringMatching(/^[0-9a-f]{32}$/),
      smtputf8: false,
    });
  });

  it("makes the same bytes of the same message, and others of another", async () => {
    const [one, again] = [await composeMail(message(), alice), await composeMail(message(), alice)];
    expect(again).toEqual(one);
    expect((await composeMail(message({ key: "z".repeat(26) }), alice)).messageId).toBe(
      `<${"z".repeat(26)}@example.org>`,
    );
  });

  it("comes back as the same text, subject and thread at the other end", async () => {
    const text = `Grüße 😀 <&>\n\n> zitiert\n  eingerückt\n${"lang ".repeat(60).trim()}\n--\nFrom hier`;
    const mail = await composeMail(message({ text, subject: "Grüße 😀" }), alice);
    const seen = await open(Buffer.from(mail.raw), { source: "lmtp", receivedAt: sentAt }, "bob@example.com");
    expect([seen.text, seen.subject, seen.thread, seen.name]).toEqual([text, "Grüße 😀", mail.thread, "Alice"]);
  });

  it("reads as any text for a parser that is not ours", async () => {
    const mail = await composeMail(message({ text: "Grüße\n日本" }), alice);
    const seen = await PostalMime.parse(mail.raw);
    expect([seen.text?.trim(), seen.from?.address, seen.to?.[0]?.address]).toEqual([
      "Grüße\n日本",
      "alice@example.org",
      "bob@example.com",
    ]);
  });
});

describe("the thread of an answer", () => {
  it("is that of the message answered", async () => {
    const mail = await composeMail(message({ replyTo: ref() }), alice);
    expect(headers(mail.raw)).toContain(
      "\r\nIn-Reply-To: <7@example.com>\r\nReferences: <1@example.org> <7@example.com>\r\n",
    );
    expect([mail.subject, mail.references]).toEqual(["Re: Lunch", ["<1@example.org>", "<7@example.com>"]]);
    const root = await composeMail(message({ key: "1" }), alice, { domain: "example.org" });
    expect(root.messageId).toBe("<1@example.org>");
    expect(mail.thread).toBe(root.thread);
  });

  it("is, without one, that of the thread's newest message, else of a recent one of the conversation", async () => {
    const other = ref({ context: { messageId: "<8@example.com>", references: [], subject: "Tea", address: "" } });
    expect((await composeMail(message({ threadLast: other, previous: ref() }), alice)).references).toEqual([
      "<8@example.com>",
    ]);
    expect((await composeMail(message({ previous: ref() }), alice)).subject).toBe("Re: Lunch");
    const old = ref({ sentAt: sentAt - 15 * 24 * 60 * 60 * 1000 });
    expect((await composeMail(message({ previous: old }), alice)).references).toEqual([]);
    expect((await composeMail(message({ replyTo: old }), alice)).references).toHaveLength(2);
  });

  it("is a new one when the user gives another subject", async () => {
    const mail = await composeMail(message({ previous: ref(), subject: "Dinner" }), alice);
    expect([mail.subject, mail.references]).toEqual(["Dinner", []]);
    expect((await composeMail(message({ previous: ref(), subject: "Re: Lunch" }), alice)).references).toHaveLength(2);
  });

  it("follows the gateway's own sent mail", async () => {
    const sent = await composeMail(message({ subject: "Lunch" }), alice);
    const mail = await composeMail(
      message({
        key: "b".repeat(26),
        previous: { id: sent.messageId, fromSelf: true, sentAt, context: sentContext(sent) },
      }),
      alice,
    );
    expect([mail.references, mail.thread, mail.subject]).toEqual([[sent.messageId], sent.thread, "Re: Lunch"]);
  });

  it("has the first and the last 20 references, in lines below 998 bytes", async () => {
    const references = Array.from({ length: 60 }, (_, index) => `<${"r".repeat(200)}${index}@example.com>`);
    const mail = await composeMail(
      message({ replyTo: ref({ context: { messageId: "<7@example.com>", references, subject: "", address: "" } }) }),
      alice,
    );
    expect(mail.references).toHaveLength(21);
    expect(Math.max(...mail.raw.split("\r\n").map((line) => line.length))).toBeLessThan(998);
  });

  it("survives a context that is not ours", async () => {
    for (const context of [null, 5, "x", [], { messageId: 1, references: "x" }, { references: [null, "<a b>"] }]) {
      expect((await composeMail(message({ replyTo: ref({ context }) }), alice)).references).toEqual([
        "<7@example.com>",
      ]);
    }
    expect((await composeMail(message({ replyTo: ref({ id: "no id", context: null }) }), alice)).references).toEqual(
      [],
    );
  });
});

describe("the subject", () => {
  it("is the first line of the text, cut at a word near 60 characters", async () => {
    expect((await composeMail(message({ text: "\n> quoted\nFirst line\nsecond" }), alice)).subject).toBe("First line");
    expect((await composeMail(message({ text: "word ".repeat(40) }), alice)).subject).toBe(
      `${"word ".repeat(11)}word…`.slice(0, 60).replace(/ ?\S*$/, "…"),
    );
  });
});

describe("the addresses", () => {
  it("are written as their owner does", async () => {
    expect((await composeMail(message({ replyTo: ref() }), alice)).to).toEqual(["Bob@example.com"]);
    expect((await composeMail(message({ previous: ref({ sentAt: 0 }) }), alice)).to).toEqual(["Bob@example.com"]);
  });

  it("never become another contact's", async () => {
    const elsewhere = ref({
      context: { messageId: "<7@example.com>", references: [], subject: "", address: "eve@evil.example" },
    });
    expect((await composeMail(message({ replyTo: elsewhere }), alice)).to).toEqual(["bob@example.com"]);
  });

  it.each([
    "bob",
    "bob@example.com, eve@evil.example",
    "bob@example.com\r\nBcc: eve@evil.example",
    '"a@evil b"@good.example',
    "<bob@example.com>",
  ])("E05: %j is refused before anything is sent", async (id) => {
    const error = await composeMail(message({ peer: { kind: "contact", id } }), alice).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(BridgeError);
    expect(error).toMatchObject({ kind: "reject", condition: "jid-malformed" });
  });

  it("say when they need SMTPUTF8", async () => {
    const mail = await composeMail(message({ peer: { kind: "contact", id: "jürgen@bücher.example" } }), alice);
    expect([mail.smtputf8, mail.to]).toEqual([true, ["jürgen@xn--bcher-kva.example"]]);
  });

  it("have a name that cannot look like another address", async () => {
    const mail = await composeMail(message(), { address: "alice@example.org", name: "CEO <ceo@bank.example>" });
    expect(headers(mail.raw).split("\r\n")[0]).toBe("From: CEO <alice@example.org>");
    expect(
      headers((await composeMail(message({ senderName: "Älice" }), { address: "alice@example.org" })).raw),
    ).toContain("From: =?UTF-8?Q?=C3=84lice?= <alice@example.org>");
  });
});

describe("E04: header injection", () => {
  const names = ["From", "To", "Subject", "Message-ID", "Date", "MIME-Version", "Content-Type"];
  const nasty = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc
      .array(
        fc.constantFrom(
          "\r\n",
          "\n",
          "\r",
          "\u0000",
          "\u2028",
          "Bcc: eve@evil.example",
          " ",
          "x",
          "=?utf-8?Q?=0D=0ABcc:_eve?=",
          "\r\n\r\n",
          "<a@b>",
        ),
        { maxLength: 8 },
      )
      .map((parts) => parts.join("")),
  );

  it("makes no field from a subject, a name or a thread", async () => {
    await fc.assert(
      fc.asyncProperty(nasty, nasty, nasty, async (subject, name, thread) => {
        const mail = await composeMail(message({ subject, thread, text: "x" }), { address: "alice@example.org", name });
        expect(
          headers(mail.raw)
            .split("\r\n")
            .map((line) => line.slice(0, line.indexOf(":"))),
        ).toEqual(names);
        expect(mail.raw).not.toMatch(/[^\r]\n|\r[^\n]|\u0000/);
      }),
      { numRuns: 300 },
    );
  });

  it("makes no field or recipient from the ids of earlier messages", async () => {
    const evil = "<a@b> Bcc: e@z.example>";
    for (const bad of [evil, "<a@b>\r\nBcc: eve@evil.example", "<a\u0000@b>", "<<a@b>>"]) {
      const context = {
        messageId: bad,
        references: [bad, "<1@example.org>"],
        subject: "Lunch\r\nBcc: eve@evil.example",
        address: "bob@example.com\r\nBcc: x",
      };
      const mail = await composeMail(message({ replyTo: ref({ id: bad, context }) }), alice);
      expect(mail.references).toEqual([]);
      expect(
        headers(mail.raw)
          .split("\r\n")
          .map((line) => line.slice(0, line.indexOf(":"))),
      ).toEqual(names);
      expect(mail.to).toEqual(["bob@example.com"]);
    }
  });

  it("lets no text end its part", async () => {
    const text = `a\n--=_${key}--\n\n--=_${key}\nContent-Type: text/html\n\n<script>\n.\nQUIT`;
    const mail = await composeMail(message({ text }), alice);
    const seen = await PostalMime.parse(mail.raw);
    expect(seen.html).not.toContain("<script>");
    expect(seen.attachments).toEqual([]);
    expect((await open(Buffer.from(mail.raw))).text).toBe(text);
  });
});
