// E27: what others chose (ids of mails, addresses, names of mailboxes) goes into IMAP commands, and is never one.
import { afterEach, expect, test } from "vitest";
import { createGate } from "../../../bridges/email/gate.ts";
import { createHostPolicy } from "../../../bridges/email/host-policy.ts";
import { openImap } from "../../../bridges/email/imap-client.ts";
import { markSeen } from "../../../bridges/email/mark-read.ts";
import { emailOptions } from "../../../bridges/email/options.ts";
import { startAccountSession } from "../../../bridges/email/session.ts";
import { outgoingMessage } from "./outgoing-message.ts";
import { RecordingHost } from "./recording-host.ts";
import { loopbackResolver } from "./resolver.ts";
import { type Script, type ScriptedServer, scriptedServer, smtpScript } from "./scripted-server.ts";
import { until } from "./wait.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const evil = "x\r\nA666 DELETE INBOX\r\n";
const mailbox = `Sent"${evil}`;

interface Imap extends ScriptedServer {
  readonly commands: readonly string[];
}

/** Reads as RFC 9051 section 4.3 has it: a line that ends in {n} goes on after n bytes. Finds mail 7 whatever is asked for. */
async function imapServer(): Promise<Imap> {
  const commands: string[] = [];
  let literal = 0;
  let tag = "";
  const server = await started({
    greeting: "* OK ready",
    answer(line) {
      literal -= literal > 0 ? line.length + 2 : 0;
      if (literal > 0) return undefined;
      if (literal === 0 && tag === "") {
        tag = line.split(" ")[0] ?? "";
        commands.push(/^\S+ ((?:UID )?\S+)/.exec(line)?.[1] ?? line);
      }
      const length = /\{(\d+)(\+?)\}$/.exec(line);
      literal = Number(length?.[1] ?? 0);
      if (length !== null) return length[2] === "+" ? undefined : "+ go on";
      const done = `${tag} OK done`;
      tag = "";
      return `${untagged(commands.at(-1) ?? "")}${done}`;
    },
  });
  return Object.assign(server, { commands });
}

function untagged(command: string): string {
  switch (command) {
    case "CAPABILITY":
      return "* CAPABILITY IMAP4rev1 SPECIAL-USE UIDPLUS\r\n";
    case "LIST":
      return `* LIST (\\Sent) "/" {${mailbox.length}}\r\n${mailbox}\r\n* LIST () "/" INBOX\r\n`;
    case "SELECT":
    case "EXAMINE":
      return "* 1 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 8] ok\r\n";
    case "UID SEARCH":
      return "* SEARCH 7\r\n";
    default:
      return "";
  }
}

async function started(script: Script): Promise<ScriptedServer> {
  const server = await scriptedServer(script);
  cleanups.push(() => server.close());
  return server;
}

const limits = { maxMailBytes: 1000, largeMailBytes: 1000, commandTimeout: 4000 };
function open(imap: Imap, password = "secret") {
  const place = { host: "mail.invalid", port: imap.port, security: "none" } as const;
  const server = { ...place, addresses: ["127.0.0.1"], insecure: true };
  const login = { server, user: "alice@home.test", password };
  return openImap(login, { maxLiteral: 100_000, silence: 5000 }, AbortSignal.timeout(8000));
}
/** Commands that change nothing in a mailbox. */
const reading = new Set(["CAPABILITY", "LOGIN", "LIST", "LSUB", "SELECT", "EXAMINE", "UID SEARCH", "STATUS", "LOGOUT"]);
/** What imapflow asks before anything else. */
const entrance = ["CAPABILITY", "LOGIN", "CAPABILITY", "LIST", "LIST", "LSUB"];

test("E27: a password with a line break in it is not sent at all", async () => {
  const imap = await imapServer();
  await expect(open(imap, `secret${evil}`)).rejects.toThrow("Unquotable character");
  expect(imap.commands).toEqual(["CAPABILITY"]);
});

test("E27: an id and an address with quotes and literal marks are what is searched for", async () => {
  const imap = await imapServer();
  const client = await open(imap);
  const peer = { kind: "contact", id: `bob"*@example.test` } as const;
  const target = { id: `<a"b\\c{3+}{9}*%(ALL)@example.test>`, fromSelf: false, sentAt: Date.now() };
  await markSeen(client, target, peer, { limits, since: 0 });
  client.close();
  expect(imap.commands).toEqual([...entrance, "SELECT", "UID SEARCH", "UID SEARCH", "UID FETCH", "UID STORE"]);
  expect(imap.lines.filter((line) => line.includes("SEARCH")).map((line) => line.slice(2))).toEqual([
    String.raw`UID SEARCH HEADER MESSAGE-ID "<a\"b\\c{3+}{9}*%(ALL)@example.test>" SINCE 01-Jan-1970`,
    String.raw`UID SEARCH UNSEEN FROM "bob\"*@example.test" UID 1:7 SINCE 01-Jan-1970`,
  ]);
});

test.each([
  ["an id", `<a${evil}@example.test>`, "bob@example.test", ["SELECT"]],
  ["an address", "<a@example.test>", `bob${evil}@example.test`, ["SELECT", "UID SEARCH"]],
])("E27: %s with a line break is not searched for", async (_, id, address, commands) => {
  const imap = await imapServer();
  const client = await open(imap);
  const peer = { kind: "contact", id: address } as const;
  const marked = markSeen(client, { id, fromSelf: false, sentAt: Date.now() }, peer, { limits, since: 0 });
  await expect(marked).rejects.toThrow();
  client.close();
  expect(imap.commands).toEqual([...entrance, ...commands]);
});

test("E27: a mailbox for sent mail with a line break in its name gets no copy, and the mail goes out", async () => {
  const imap = await imapServer();
  const smtp = await started(smtpScript(undefined, ["AUTH PLAIN"]));
  const at = (port: number) => ({ host: "localhost", port, security: "none" }) as const;
  const servers = { "home.test": { imap: at(imap.port), smtp: at(smtp.port) } };
  const options = emailOptions.parse({ accounts: { servers } });
  const host = new RecordingHost();
  const session = startAccountSession(
    {
      self: "alice@home.test",
      credentials: { ...servers["home.test"], address: "alice@home.test", user: "alice@home.test", password: "secret" },
      options,
      policy: createHostPolicy(options.accounts, loopbackResolver),
      gate: createGate(1),
      times: {},
    },
    host,
  );
  await session.send(outgoingMessage("bob@example.test", "Hello"));
  await until("the look for the mailbox", () => imap.commands.filter((command) => command === "LIST").length >= 3);
  await session.close();
  expect(smtp.lines).toContain("RCPT TO:<bob@example.test>");
  expect(imap.commands.filter((command) => !reading.has(command))).toEqual([]);
});
