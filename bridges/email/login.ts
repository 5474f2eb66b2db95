// Sign-in (email.md 43): the address and the password; hosts only if nothing is found. Nothing is stored before both
// servers have let the user in.
import type { ImapFlow } from "imapflow";
import { type Answers, BridgeError, isHostName, type LoginContext, type Prompt, type SignedIn } from "#bridge";
import { addressId, parseAddress } from "./addressing.ts";
import { type Discovery, discover } from "./discovery.ts";
import type { EmailCredentials, Endpoint, MailServers } from "./endpoint.ts";
import { within } from "./deadline.ts";
import { imapError, smtpError } from "./errors.ts";
import type { HostPolicy } from "./host-policy.ts";
import { openImap } from "./imap-client.ts";
import { firstCursor, type MailCursor } from "./mail-cursor.ts";
import type { EmailOptions } from "./options.ts";
import { type Provider, providerOfHost } from "./providers.ts";
import { openSmtp } from "./smtp-client.ts";

export interface LoginDeps {
  readonly policy: HostPolicy;
  readonly discovery: Discovery;
}

type Dialogue<T> = AsyncGenerator<Prompt, T, Answers>;

/** H13: a guesser gets no further than a forgetful user. */
const mostTries = 5;
const verifyLimits = { maxLiteral: 65_536, silence: 60_000 };

/** The dialogue. @throws BridgeError `reject` when it cannot end well. */
export async function* login(
  context: LoginContext<EmailOptions>,
  deps: LoginDeps,
): Dialogue<SignedIn<EmailCredentials>> {
  let address = "";
  let error: string | undefined;
  for (let tries = 0; tries < mostTries; tries++) {
    const answers: Answers = yield signInPrompt(address, error);
    const parsed = parseAddress((answers.address ?? "").trim());
    const self = parsed === undefined ? undefined : addressId(parsed);
    const password = answers.password ?? "";
    // What is no address is not repeated: who is asked again easily begins with the password (X21).
    if (parsed === undefined || self === undefined) {
      error = "That is not a mail address: it should look like name@example.org.";
      continue;
    }
    address = parsed;
    if (password === "") {
      error = "The password is missing.";
      continue;
    }
    const found = await discover(parsed, context.options.accounts.servers, deps.discovery, context.signal);
    if (found !== undefined && "unusable" in found) {
      throw new BridgeError("reject", found.unusable.hint ?? "This provider cannot be used.", {
        condition: "not-allowed",
      });
    }
    let servers = found?.servers;
    if (servers === undefined || found?.confirm === true) servers = yield* askForServers(parsed, servers, undefined);
    for (;;) {
      const user = found?.user ?? parsed;
      const outcome = await verify({ ...servers, user, password }, deps.policy, context.signal);
      if ("cursor" in outcome) {
        const credentials = toCredentials(servers, parsed, user, password);
        return { self, credentials, ...(outcome.cursor ? { cursor: outcome.cursor } : {}) };
      }
      if (outcome.refused) {
        error = refusedText(outcome.text, found?.provider ?? providerOfHost(servers.imap.host));
        break;
      }
      tries += 1;
      if (tries >= mostTries) break;
      servers = yield* askForServers(parsed, servers, outcome.text);
    }
  }
  throw new BridgeError("reject", error ?? "The mail server could not be reached. Please try again later.", {
    condition: "not-authorized",
  });
}

function signInPrompt(address: string, error: string | undefined): Prompt {
  return {
    title: "Sign in to your mail account",
    instructions:
      "Your mail address and its password. Many providers want an app password here, made on their web page.",
    fields: [
      {
        name: "address",
        label: "Mail address",
        kind: "text",
        required: true,
        ...(address === "" ? {} : { value: address }),
      },
      { name: "password", label: "Password", kind: "secret", required: true },
    ],
    ...(error === undefined ? {} : { error }),
  };
}

async function* askForServers(
  address: string,
  preset: MailServers | undefined,
  trouble: string | undefined,
): Dialogue<MailServers> {
  let error = trouble;
  let imap = preset?.imap;
  let smtp = preset?.smtp;
  const domain = address.slice(address.lastIndexOf("@") + 1);
  const known = trouble === undefined && preset !== undefined;
  const instructions = known
    ? `These servers were found for ${domain}, but nothing proves that they are its own. Are they right?`
    : `The mail servers of ${domain}, as its help pages name them. Ports: 993 or 143 to read, 465 or 587 to send.`;
  for (let tries = 0; tries < mostTries; tries++) {
    const answers: Answers = yield {
      title: "Your mail servers",
      instructions,
      fields: [
        { name: "imapHost", label: "IMAP server", kind: "text", required: true, value: imap?.host ?? `imap.${domain}` },
        { name: "imapPort", label: "IMAP port", kind: "number", required: true, value: String(imap?.port ?? 993) },
        { name: "smtpHost", label: "SMTP server", kind: "text", required: true, value: smtp?.host ?? `smtp.${domain}` },
        { name: "smtpPort", label: "SMTP port", kind: "number", required: true, value: String(smtp?.port ?? 465) },
      ],
      ...(error === undefined ? {} : { error }),
    };
    imap = readEndpoint(answers.imapHost, answers.imapPort, [993], imap);
    smtp = readEndpoint(answers.smtpHost, answers.smtpPort, [465], smtp);
    if (imap !== undefined && smtp !== undefined) return { imap, smtp };
    error = "A server is a host name such as imap.example.org, with a port number.";
  }
  throw new BridgeError("reject", "No usable mail servers were given.", { condition: "bad-request" });
}

/** The well-known TLS ports speak TLS at once, all others STARTTLS; what was preset keeps its own security. */
function readEndpoint(
  host: string | undefined,
  port: string | undefined,
  tlsPorts: readonly number[],
  preset: Endpoint | undefined,
): Endpoint | undefined {
  const name = (host ?? "").trim().toLowerCase();
  const number = Number(port);
  if (!isHostName(name) || !Number.isInteger(number) || number < 1 || number > 65_535) return undefined;
  if (preset !== undefined && preset.host === name && preset.port === number) return preset;
  return { host: name, port: number, security: tlsPorts.includes(number) ? "tls" : "starttls" };
}

interface Attempt extends MailServers {
  readonly user: string;
  readonly password: string;
}

/** What went wrong. `refused`: the server answered, and said no to the password. */
interface Outcome {
  readonly refused: boolean;
  readonly text: string;
}

function outcomeOf(error: BridgeError, server: Endpoint): Outcome {
  const refused = error.kind === "login-required";
  return { refused, text: refused ? `${server.host} does not accept this address and password.` : error.message };
}

/** Both servers let the user in. `cursor`: what is in INBOX now is history. */
interface Verified {
  readonly cursor: MailCursor | undefined;
}

async function verify(attempt: Attempt, policy: HostPolicy, signal: AbortSignal): Promise<Outcome | Verified> {
  let cursor: MailCursor | undefined;
  // One after the other: a wrong password counts once, not twice, towards the provider's lock.
  try {
    const server = await policy.check(attempt.imap);
    const client = await openImap({ server, user: attempt.user, password: attempt.password }, verifyLimits, signal);
    cursor = await endOfInbox(client).finally(() => client.close());
  } catch (cause) {
    signal.throwIfAborted();
    return outcomeOf(imapError(cause), attempt.imap);
  }
  try {
    const server = await policy.check(attempt.smtp);
    const auth = { user: attempt.user, password: attempt.password };
    const client = await openSmtp({ server, auth }, signal);
    client.quit();
  } catch (cause) {
    signal.throwIfAborted();
    return outcomeOf(smtpError(cause, attempt.smtp.host, { dataSent: false }), attempt.smtp);
  }
  return { cursor };
}

/** Undefined where the server does not say; then the first session decides. */
async function endOfInbox(client: ImapFlow): Promise<MailCursor | undefined> {
  const asked = client.status("INBOX", { uidNext: true, uidValidity: true });
  const inbox = await within(verifyLimits.silence, asked, () => client.close());
  if (inbox === false) return undefined;
  const { uidNext, uidValidity } = inbox;
  return uidNext && uidValidity ? firstCursor(String(uidValidity), uidNext, Date.now()) : undefined;
}

function refusedText(text: string, provider: Provider | undefined): string {
  return provider?.hint === undefined ? text : `${text} ${provider.hint}`;
}

function toCredentials(servers: MailServers, address: string, user: string, password: string): EmailCredentials {
  const plain = ({ host, port, security }: Endpoint) => ({ host, port, security });
  return { imap: plain(servers.imap), smtp: plain(servers.smtp), address, user, password };
}
