// RFC 3464: what mail servers say of mails that were sent.
import { describe, expect, it } from "vitest";
import type { Incoming } from "#bridge";
import { type MailAbout, mailToEvents } from "../../../bridges/email/mime-to-message.ts";
import { corpusMail, hasCorpora } from "./corpora.ts";
import { arrival, fromImap, mail, self } from "./mails.ts";

const sent = "<0123456789abcdefghijklmnop@example.org>";
const ofOurDomain: MailAbout = { source: "lmtp", receivedAt: arrival, mailFrom: "", rcptTo: self };

interface Parts {
  readonly head?: readonly string[];
  /** Fields of the recipients, an empty line between them. */
  readonly status: readonly string[];
  readonly returned?: readonly string[];
}

const report = ({
  head = [],
  status,
  returned = ["To: Bob <bob@example.com>", `Message-ID: ${sent}`],
}: Parts): Buffer =>
  mail(
    "From: Mail Delivery System <mailer-daemon@mx.example>",
    `To: ${self}`,
    "Message-ID: <report@mx.example>",
    ...head,
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    "",
    "--b",
    "",
    "Words for people.",
    "--b",
    "Content-Type: message/delivery-status",
    "",
    "Reporting-MTA: dns; mx.example",
    "",
    ...status,
    "--b",
    ...(returned.length === 0 ? [] : ["Content-Type: text/rfc822-headers", "", ...returned, "", "--b--"]),
  );

async function read(parts: Parts, about = ofOurDomain): Promise<Incoming | undefined> {
  const events = await mailToEvents(report(parts), about, self);
  expect(events).toHaveLength(1);
  return events[0];
}

const failed = (...more: string[]) => ["Final-Recipient: rfc822; bob@example.com", "Action: failed", ...more];

describe("a report that a mail failed", () => {
  it("is news of that mail, for the conversation it belongs to", async () => {
    const diagnostic = "Diagnostic-Code: smtp; 550 5.1.1 <bob@example.com>: Recipient address rejected";
    expect(await read({ status: failed("Status: 5.1.1", diagnostic) })).toEqual({
      type: "failed",
      id: "<report@mx.example>",
      peer: { kind: "contact", id: "bob@example.com" },
      from: "bob@example.com",
      sentAt: arrival,
      target: sent,
      condition: "item-not-found",
      text: "There is no mailbox bob@example.com (550 5.1.1).",
    });
  });

  it.each([
    ["Status: 5.1.2", "remote-server-not-found", "The domain of bob@example.com takes no mail (5.1.2)."],
    ["Status: 5.2.2", "resource-constraint", "The mailbox of bob@example.com is full (5.2.2)."],
    ["Status: 5.3.4", "policy-violation", "The message is too big for bob@example.com (5.3.4)."],
    [
      "Status: 4.4.1",
      "remote-server-timeout",
      "The message to bob@example.com could not be delivered in time (4.4.1).",
    ],
    ["Status: 5.7.1", "forbidden", "The mail server does not let this message through to bob@example.com (5.7.1)."],
    ["Status: nonsense", "not-acceptable", "The mail server refused the message to bob@example.com."],
    [
      "Diagnostic-Code: smtp; 550 5.7.26 No\u202eSPF",
      "forbidden",
      expect.stringMatching(/\(550 5\.7\.26\): "NoSPF"\.$/),
    ],
  ])("%s is %s", async (field, condition, text) => {
    expect(await read({ status: failed(field) })).toMatchObject({ condition, text });
  });

  it("is about the recipient that was written to, of those it names", async () => {
    const carol = ["Final-Recipient: rfc822; carol@example.com", "Action: failed", "Status: 5.2.2"];
    const event = await read({ status: [...carol, "", ...failed("Status: 5.1.1")] });
    expect(event).toMatchObject({ peer: { id: "bob@example.com" }, condition: "item-not-found" });
  });

  it("is about the address that was written to where that led on to another", async () => {
    const led = ["Final-Recipient: rfc822; robert@elsewhere.example", "Action: failed", "Status: 5.1.1"];
    expect(await read({ status: led })).toMatchObject({ peer: { id: "bob@example.com" }, condition: "item-not-found" });
  });

  it("without the mail names it by its own threading, and its recipient as the server does", async () => {
    const head = [`In-Reply-To: ${sent}`];
    const led = "Original-Recipient: rfc822; Bob+40Home@example.com";
    expect(await read({ head, status: [led, ...failed()], returned: [] })).toMatchObject({
      target: sent,
      peer: { id: "bob+40home@example.com" },
    });
  });

  it("in the user's own mailbox can still be shown, for a mail of another program", async () => {
    const event = await read({ status: failed() }, fromImap);
    expect(event).toMatchObject({
      type: "failed",
      otherwise: { type: "message", text: "Words for people.", automatic: true, from: "mailer-daemon@mx.example" },
    });
  });
});

describe("a report that a mail is late", () => {
  it("is news of that mail", async () => {
    const status = ["Final-Recipient: rfc822; bob@example.com", "Action: delayed", "Status: 4.0.0"];
    expect(await read({ status })).toMatchObject({
      type: "delayed",
      target: sent,
      peer: { id: "bob@example.com" },
      text: "[Your message has not been delivered yet; the mail server goes on trying]",
    });
  });
});

describe("E15: what stays a mail like any other", () => {
  it.each([
    ["a report of success", { status: ["Final-Recipient: rfc822; bob@example.com", "Action: delivered"] }],
    ["a report without an action", { status: ["Final-Recipient: rfc822; bob@example.com"] }],
    ["a report on no mail", { status: failed(), returned: ["To: bob@example.com"] }],
    ["a report on nobody's mail", { status: ["Action: failed"], returned: [`Message-ID: ${sent}`] }],
    ["ten thousand empty lines", { status: Array<string>(10_000).fill("") }],
  ])("%s", async (_, parts) => {
    expect(await read(parts)).toMatchObject({ type: "message", text: "Words for people.", automatic: true });
  });

  it("a mail that only holds a status part, such as one that was passed on", async () => {
    const raw = report({ status: failed() }).toString().replace("multipart/report", "multipart/mixed");
    expect(await mailToEvents(Buffer.from(raw), fromImap, self)).toMatchObject([{ type: "message" }]);
  });
});

describe.skipIf(!hasCorpora)("reports of the corpus", () => {
  it.each([
    ["posteo_ndn.eml", "hanerthaertidiuea@gmx.de", "item-not-found"],
    ["testrun_ndn_2.eml", "bob@example.org", "remote-server-not-found"],
    ["ndn_with_attachment.eml", "bob@example.net", "resource-constraint"],
  ])("%s", async (name, peer, condition) => {
    const [event] = await mailToEvents(corpusMail(name), fromImap, "reader@viaduct.example");
    expect(event).toMatchObject({ type: "failed", peer: { id: peer }, condition });
  });
});
