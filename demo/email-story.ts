// The story by email: Alice has a mail account, Carol has not, Bob knows nothing of XMPP.
import type { Element } from "ltx";
import { type Mail, sendMail, waitForMail } from "../test/kit/mail-client.ts";
import { XmppClient } from "../test/kit/xmpp-client.ts";
import type { Servers } from "./servers.ts";
import { line, must, title } from "./words.ts";

const gateway = "email.localhost";
const bob = "bob\\40example.test@email.localhost";
const patience = { timeoutMs: 15_000 };

const bodyOf = (stanza: Element) => stanza.getChildText("body") ?? "";
const from = (jid: string) => (stanza: Element) =>
  stanza.name === "message" &&
  String(stanza.attrs.from).split("/")[0] === jid &&
  stanza.attrs.type !== "error" &&
  stanza.getChild("body") !== undefined;

export async function tellEmail(servers: Servers): Promise<void> {
  const port = servers.xmpp.c2sPort;
  const alice = await XmppClient.connect({ port, user: "alice", password: "pw", resource: "laptop" });
  await signIn(alice);
  await addBob(alice);
  const mail = await aliceWrites(alice, servers);
  await bobAnswers(alice, servers, mail);
  await wrongAddress(alice);
  await alice.close();
  const carol = await XmppClient.connect({ port, user: "carol", password: "pw", resource: "phone" });
  await carolWithoutSigningIn(carol, servers);
  await carol.close();
}

async function signIn(alice: XmppClient): Promise<void> {
  title("Alice signs in with her mail account, by chat (a command window does the same)");
  for (const text of ["login", "alice@example.org", "pw"]) {
    line("alice", text === "pw" ? "**" : text);
    alice.message({ to: gateway, body: text });
    const answer = bodyOf(await alice.next(from(gateway), { ...patience, what: `the answer to ${text}` }));
    line("gateway", answer);
    if (text === "pw") must(answer.startsWith("Signed in as alice@example.org"), "alice is signed in");
  }
}

async function addBob(alice: XmppClient): Promise<void> {
  title("Alice adds bob@example.test as a contact");
  const ask = `<iq type='set' to='${gateway}'><query xmlns='jabber:iq:gateway'><prompt>bob@example.test</prompt></query></iq>`;
  const jid = (await alice.request(ask)).getChild("query")?.getChildText("jid");
  must(jid === bob, `the address became ${bob}`);
  alice.send(
    `<iq type='set' id='add'><query xmlns='jabber:iq:roster'><item jid='${bob}' name='Bob'/></query></iq><presence type='subscribe' to='${bob}'/>`,
  );
  const presence = await alice.next(
    (stanza) => stanza.name === "presence" && String(stanza.attrs.from).startsWith(`${bob}/`),
    { ...patience, what: "Bob's presence" },
  );
  line("alice", `sees Bob online (${presence.attrs.from})`);
}

async function aliceWrites(alice: XmppClient, { dovecot }: Servers): Promise<Mail> {
  title("Alice writes to Bob");
  const text = "Hello Bob, shall we meet on Friday at the café? 🚲";
  alice.message({ to: bob, body: text, id: "friday", extra: "<request xmlns='urn:xmpp:receipts'/>" });
  line("alice", text);
  await alice.next((stanza) => stanza.getChild("received", "urn:xmpp:receipts")?.attrs.id === "friday", {
    ...patience,
    what: "the receipt",
  });
  line("alice", "sees the check mark: the mail server has taken it");
  const mail = await waitForMail(
    { imapPort: dovecot.imapPort, user: "bob@example.test", password: "pw" },
    (one) => one.text.includes("Friday"),
    patience.timeoutMs,
  );
  line("bob", `finds this in his mailbox:\n${mail.raw.trim()}`);
  return mail;
}

async function bobAnswers(alice: XmppClient, { postfix }: Servers, mail: Mail): Promise<void> {
  title("Bob answers in his mail program");
  const quoted = mail.text
    .trim()
    .split(/\r?\n/)
    .map((text) => `> ${text}`)
    .join("\n");
  await sendMail({
    port: postfix.submissionPort,
    auth: { user: "bob@example.test", password: "pw" },
    from: "bob@example.test",
    to: "alice@example.org",
    subject: `Re: ${mail.subject}`,
    text: `Friday is fine. I bring the map.\n\nOn Monday Alice wrote:\n${quoted}\n\n-- \nBob Builder\nphone 555`,
    headers: { From: "Bob Builder <bob@example.test>", "In-Reply-To": mail.messageId, References: mail.messageId },
  });
  const answer = await alice.next(from(bob), { ...patience, what: "Bob's answer" });
  line("alice", `reads: ${bodyOf(answer)}`);
  const reply = answer.getChild("reply", "urn:xmpp:reply:0");
  must(reply?.attrs.id === "friday", "the answer points at Alice's own message");
  must(bodyOf(answer).includes("I bring the map") && !bodyOf(answer).includes(">"), "without the quote");
  line("alice", `in the same thread: an answer to her message "${reply?.attrs.id}"`);
}

async function wrongAddress(alice: XmppClient): Promise<void> {
  title("Alice mistypes an address");
  alice.message({ to: "nobody\\40example.test@email.localhost", body: "Are you there?", id: "typo" });
  line("alice", "to nobody@example.test: Are you there?");
  const error = await alice.next((stanza) => stanza.attrs.type === "error" && stanza.attrs.id === "typo", {
    ...patience,
    what: "the error",
  });
  line("alice", `sees on that very message: ${error.getChild("error")?.getChildText("text")}`);
  must(error.getChild("error")?.getChild("item-not-found"), "the error says that there is nobody");
}

async function carolWithoutSigningIn(carol: XmppClient, { postfix, dovecot }: Servers): Promise<void> {
  title("Carol has no mail account: the operator's mail domain gives her carol@mail.localhost");
  carol.message({ to: bob, body: "Hello from Carol's phone" });
  line("carol", "Hello from Carol's phone");
  const mail = await waitForMail(
    { imapPort: dovecot.imapPort, user: "bob@example.test", password: "pw" },
    (one) => one.text.includes("Carol's phone"),
    patience.timeoutMs,
  );
  must(/^from:.*carol@mail\.localhost/im.test(mail.raw), "the mail is from carol@mail.localhost");
  line("bob", `gets it from ${/^from: *(.*)$/im.exec(mail.raw)?.[1]?.trim()} and answers`);
  await sendMail({
    port: postfix.smtpPort,
    from: "bob@example.test",
    to: "carol@mail.localhost",
    subject: `Re: ${mail.subject}`,
    text: "Hello Carol!",
    headers: { From: "Bob Builder <bob@example.test>", "In-Reply-To": mail.messageId, References: mail.messageId },
  });
  const answer = await carol.next(from(bob), { ...patience, what: "Bob's answer to Carol" });
  line("carol", `reads: ${bodyOf(answer)}`);
  must(bodyOf(answer).includes("Hello Carol!"), "Carol got the answer");
}
