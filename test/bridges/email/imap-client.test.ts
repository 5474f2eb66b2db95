// E26, E23: IMAP servers, or people between us and them, that want the password or the memory.
import { afterEach, expect, test } from "vitest";
import { imapError } from "../../../bridges/email/errors.ts";
import { openImap } from "../../../bridges/email/imap-client.ts";
import { type Script, type ScriptedServer, scriptedServer } from "./scripted-server.ts";

const servers: ScriptedServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function open(script: Script): Promise<{ server: ScriptedServer; error: unknown }> {
  const server = await scriptedServer(script);
  servers.push(server);
  const endpoint = {
    host: "mail.invalid",
    port: server.port,
    security: "starttls",
    addresses: ["127.0.0.1"],
    insecure: true,
  } as const;
  const login = { server: endpoint, user: "alice@home.test", password: "secret-canary" };
  const limits = { maxLiteral: 100_000, silence: 5000 };
  // The name does not exist: only the checked addresses lead to the server.
  const error = await openImap(login, limits, AbortSignal.timeout(8000)).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (server.connections() !== 1) throw new Error(`${server.connections()} connections: ${String(error)}`);
  return { server, error };
}

const tagged = (line: string, text: string): string => `${line.split(" ")[0]} ${text}`;

test("E26: sends no password where STARTTLS is not on offer", async () => {
  const { server, error } = await open({
    greeting: "* OK ready",
    answer: (line) =>
      /CAPABILITY/.test(line) ? `* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n${tagged(line, "OK done")}` : tagged(line, "OK"),
  });
  expect(error).toBeInstanceOf(Error);
  expect(imapError(error).kind).toBe("retry");
  expect(server.lines.join("\n")).not.toMatch(/LOGIN|AUTHENTICATE|canary/);
});

test("E26: sends no password where STARTTLS is refused", async () => {
  const { server, error } = await open({
    greeting: "* OK ready",
    answer: (line) => {
      if (/CAPABILITY/.test(line)) return `* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n${tagged(line, "OK done")}`;
      return tagged(line, /STARTTLS/.test(line) ? "NO not now" : "OK");
    },
  });
  expect(error).toBeInstanceOf(Error);
  expect(server.lines.join("\n")).not.toMatch(/LOGIN|AUTHENTICATE|canary/);
});

test("E26: takes no mailbox that is opened without TLS by PREAUTH", async () => {
  const { error } = await open({
    greeting: "* PREAUTH [CAPABILITY IMAP4rev1] welcome back",
    answer: (line) => tagged(line, "OK"),
  });
  expect(error).toBeInstanceOf(Error);
  expect(imapError(error).kind).toBe("retry");
});

test("E23: ends the connection at a literal larger than any mail it asks for", async () => {
  const { error } = await open({
    greeting: "* OK ready",
    answer: (line) => `* LIST () "/" {1073741824}\r\nxxxx\r\n${tagged(line, "OK")}`,
  });
  expect(error).toMatchObject({ code: "LiteralTooLarge" });
});
