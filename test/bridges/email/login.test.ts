// The sign-in dialogue against a real Dovecot and Postfix.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Answers, GuardedFetch, Prompt, SignedIn } from "#bridge";
import type { EmailCredentials } from "../../../bridges/email/endpoint.ts";
import { createEmailBridge } from "../../../bridges/email/index.ts";
import { emailOptions } from "../../../bridges/email/options.ts";
import { type Dovecot, startDovecot } from "../../lab/dovecot.ts";
import { type Postfix, startPostfix } from "../../lab/postfix.ts";
import { silentLog } from "./recording-host.ts";
import { loopbackResolver } from "./resolver.ts";

let dovecot: Dovecot;
let postfix: Postfix;

beforeAll(async () => {
  dovecot = await startDovecot({ connections: 50 });
  postfix = await startPostfix({ lmtpPort: dovecot.lmtpPort, saslPort: dovecot.saslPort });
}, 60_000);
afterAll(async () => {
  await postfix.stop();
  await dovecot.stop();
});

interface Story {
  readonly prompts: readonly Prompt[];
  readonly signedIn?: SignedIn<EmailCredentials>;
  readonly error?: unknown;
}

/** A web without autoconfig documents. */
const nothingThere: GuardedFetch = async () => new Response(null, { status: 404 });

/** Plays the user: gives the answers one after the other. */
async function play(accounts: object, answers: readonly Answers[]): Promise<Story> {
  const bridge = createEmailBridge({ resolver: loopbackResolver });
  const options = emailOptions.parse({ accounts });
  const dialogue = bridge.login?.({
    options,
    log: silentLog,
    fetch: nothingThere,
    signal: AbortSignal.timeout(15_000),
  });
  if (dialogue === undefined) throw new Error("no login");
  const prompts: Prompt[] = [];
  try {
    let step = await dialogue.next();
    for (const answer of answers) {
      if (step.done === true) break;
      prompts.push(step.value);
      step = await dialogue.next(answer);
    }
    if (step.done === true) return { prompts, signedIn: step.value };
    prompts.push(step.value);
    return { prompts };
  } catch (error) {
    return { prompts, error };
  }
}

const servers = (more: { imap?: object; smtp?: object } = {}): object => ({
  "home.test": {
    imap: { host: "localhost", port: dovecot.imapsPort, security: "tls", insecure: true, ...more.imap },
    smtp: { host: "localhost", port: postfix.submissionPort, security: "starttls", insecure: true, ...more.smtp },
  },
});

test("signs in with address and password where the operator knows the servers", async () => {
  const story = await play({ servers: servers() }, [{ address: " Alice@Home.TEST ", password: "pw" }]);
  expect(story.prompts.map((prompt) => prompt.fields.map((field) => `${field.name}:${field.kind}`))).toEqual([
    ["address:text", "password:secret"],
  ]);
  expect(story.signedIn).toEqual({
    self: "alice@home.test",
    credentials: {
      imap: { host: "localhost", port: dovecot.imapsPort, security: "tls" },
      smtp: { host: "localhost", port: postfix.submissionPort, security: "starttls" },
      address: "Alice@home.test",
      user: "Alice@home.test",
      password: "pw",
    },
    // What arrives from here on is news, also before the first session is connected.
    cursor: expect.objectContaining({ uidNext: 1, uidValidity: expect.stringMatching(/^\d+$/) }),
  });
});

test("asks again after a wrong password and says so", async () => {
  const wrong = { address: "alice@home.test", password: "wrong" };
  const story = await play({ servers: servers() }, [wrong, { ...wrong, password: "pw" }]);
  expect(story.prompts.map((prompt) => prompt.error)).toEqual([
    undefined,
    "localhost does not accept this address and password.",
  ]);
  expect(story.signedIn?.self).toBe("alice@home.test");
});

test("H13: ends after five wrong passwords", async () => {
  const wrong = { address: "alice@home.test", password: "wrong" };
  const story = await play({ servers: servers() }, [wrong, wrong, wrong, wrong, wrong, wrong]);
  expect(story.prompts.length).toBe(5);
  expect(story.error).toMatchObject({ kind: "reject", condition: "not-authorized" });
});

test("X21: asks again for what is not an address, and does not repeat it", async () => {
  const answers = [
    { address: "alice@home.test", password: "wrong" },
    { address: "my password", password: "pw" },
  ];
  const story = await play({ servers: servers() }, answers);
  expect(story.prompts[2]?.error).toBe("That is not a mail address: it should look like name@example.org.");
  expect(JSON.stringify(story.prompts)).not.toContain("my password");
});

test("asks for the servers only when nothing is found, and refuses private ones", async () => {
  const address = { address: "alice@unknown.test", password: "pw" };
  const own = { imapHost: "imap.unknown.test", imapPort: "993", smtpHost: "smtp.unknown.test", smtpPort: "465" };
  const story = await play({ servers: servers() }, [address, own]);
  expect(story.prompts.map((prompt) => prompt.title)).toEqual([
    "Sign in to your mail account",
    "Your mail servers",
    "Your mail servers",
  ]);
  expect(story.prompts[2]?.error).toBe(
    "This gateway does not connect to imap.unknown.test:993: it is not on the public internet.",
  );
});

test("E26: sends no password to a server without a valid certificate", async () => {
  const story = await play({ servers: servers({ imap: { insecure: false } }) }, [
    { address: "alice@home.test", password: "pw" },
  ]);
  expect(story.prompts[1]?.error).toBe("No secure connection to the mail server could be made.");
});

test("tells someone with Proton Mail at once that it cannot work", async () => {
  const story = await play({ servers: servers() }, [{ address: "a@proton.me", password: "pw" }]);
  expect(story.error).toMatchObject({ kind: "reject", message: expect.stringContaining("Proton Mail has no IMAP") });
});

test.each([true, false])("is offered where the operator has accounts enabled: %s", (enabled) => {
  expect(createEmailBridge().accountMode?.(emailOptions.parse({ accounts: { enabled } }))).toBe(enabled);
});
