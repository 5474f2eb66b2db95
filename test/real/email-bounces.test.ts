// A mail that nobody takes comes back as a report (RFC 3464). Postfix writes it, and it becomes the error on the message.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Mail } from "../kit/mail-client.ts";
import { bodyOf, type Person, wantsReceipt } from "./person.ts";
import { setStage, type Stage } from "./stage.ts";

let stage: Stage;
let alice: Person;
beforeAll(async () => {
  stage = await setStage({ xmpp: "prosody", users: ["alice", "dora"], domain: true });
  alice = await stage.enter("alice");
});
afterAll(() => stage?.stop());

/** What a mail server writes about a mail of `to` that it has; the first line says what happened. */
const report = (mail: Mail, sender: string, to: string, fields: readonly string[]): readonly string[] => [
  "From: Mail Delivery System <mailer-daemon@relay.test>",
  `To: ${sender}`,
  "Subject: Delayed Mail (still being retried)",
  "Auto-Submitted: auto-replied",
  `Message-ID: <report.${Math.random()}@relay.test>`,
  "MIME-Version: 1.0",
  'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
  "",
  "--b",
  "",
  "This is the mail system. Words for people.",
  "",
  "--b",
  "Content-Type: message/delivery-status",
  "",
  "Reporting-MTA: dns; relay.test",
  "",
  `Final-Recipient: rfc822; ${to}`,
  ...fields,
  "",
  "--b",
  "Content-Type: text/rfc822-headers",
  "",
  `To: ${to}`,
  `Message-ID: ${mail.messageId}`,
  "",
  "--b--",
  "",
];

describe.each(["account", "domain"] as const)("in %s mode", (mode) => {
  const self = mode === "account" ? "dora@example.org" : "alice@mail.localhost";
  let person: Person;
  beforeAll(async () => {
    person = mode === "account" ? await stage.enter("dora") : alice;
    if (mode === "account") expect(await person.signIn(self)).toMatch(/^Signed in/);
    else expect(await person.ask("join")).toBe(`Your address is ${self}.`);
  });

  it("a report of Postfix is the error on the very message, after its receipt, and no mail of a postmaster", async () => {
    const id = person.write("gone@mail.localhost", "Are you there?", { extra: wantsReceipt });
    await person.receiptFor(id);
    expect(await person.errorOn(id)).toEqual({
      id,
      type: "cancel",
      condition: "item-not-found",
      text: "There is no mailbox gone@mail.localhost (550 5.1.1).",
    });
    await stage.post({ from: "bob@example.test", to: self, text: "afterwards" });
    expect(bodyOf(await person.hear("bob@example.test"))).toContain("afterwards");
    const others = person.stanzas.filter((stanza) => bodyOf(stanza) !== "" && /daemon|gone/.test(stanza.attrs.from));
    expect(others.map(String)).toEqual([]);
  });

  it("a report of a delay is a line in the conversation that does not ring, and the answer keeps its thread", async () => {
    const slow = `slow-${mode}@example.test`;
    person.write(slow, "Take your time");
    const mail = await stage.mailWith(slow, "Take your time");
    const fields = [
      "Action: delayed",
      "Status: 4.4.1",
      "Diagnostic-Code: smtp; 421 4.4.1 connect to relay.test timed out",
    ];
    await stage.postRaw("", self, report(mail, self, slow, fields));
    const line = await person.hear(slow);
    expect(bodyOf(line)).toBe(
      `[Your message has not been delivered yet; the mail server goes on trying: "421 4.4.1 connect to relay.test timed out"]`,
    );
    expect(line.attrs.type).toBe("normal");
    person.write(slow, "Still there?");
    expect((await stage.mailWith(slow, "Still there")).headers.get("in-reply-to")).toBe(mail.messageId);
  });

  it("E15: a forged report marks nothing, whether its mail is made up or went to somebody else", async () => {
    const dear = `dear-${mode}@example.test`;
    const id = person.write(dear, "Precious");
    const mail = await stage.mailWith(dear, "Precious");
    const fields = ["Action: failed", "Status: 5.1.1"];
    await stage.postRaw("", self, report({ ...mail, messageId: "<made.up@example.test>" }, self, dear, fields));
    await stage.postRaw("", self, report(mail, self, `mallory-${mode}@example.test`, fields));
    await stage.post({ from: "carol@example.test", to: self, text: "after the forgeries" });
    expect(bodyOf(await person.hear("carol@example.test"))).toContain("after the forgeries");
    expect(person.stanzas.filter((stanza) => stanza.attrs.id === id && stanza.attrs.type === "error")).toEqual([]);
    // Of a mailbox of her own the user sees what is in it: she may have written that mail with another program.
    expect(person.heardFrom("mailer-daemon@relay.test").length).toBe(mode === "account" ? 2 : 0);
  });
});
