// The email bridge: mail as chat, with an account of the user's own (IMAP and SMTP) or with an address of the operator's
// mail domain (LMTP and a smarthost).
import type { Bridge, IncomingOriginal } from "#bridge";
import { contacts } from "./addressing.ts";
import { type MailResolver, systemResolver } from "./dns.ts";
import type { EmailCredentials } from "./endpoint.ts";
import { createGate } from "./gate.ts";
import { createHostPolicy, operatorPolicy } from "./host-policy.ts";
import type { ListenerTimes } from "./lmtp.ts";
import type { MailboxTimes } from "./mailbox-session.ts";
import { MimePool } from "./mime-pool.ts";
import type { MailAbout } from "./mime-to-message.ts";
import { type EmailOptions, emailOptions, parseListen } from "./options.ts";

/** What tests put in place of the world. */
export interface EmailDeps {
  readonly resolver?: MailResolver;
  readonly times?: Partial<MailboxTimes>;
  readonly listenerTimes?: ListenerTimes;
}

/** In memory, of all accounts. */
const filesAtATime = 8;

export type EmailBridge = Bridge<EmailOptions, EmailCredentials, "markRead">;

/** A bridge with resources of its own; `close` lets go of them. */
export function createEmailBridge(deps: EmailDeps = {}): EmailBridge {
  const resolver = deps.resolver ?? systemResolver();
  const gate = createGate(filesAtATime);
  let pool: MimePool | undefined;
  const mime = ({ textLength }: EmailOptions) => (pool ??= new MimePool({ limits: { textLength } }));
  // What one mode does not need is not loaded: the IMAP client, the SMTP server and what they bring are 20 MB.
  return {
    apiVersion: 1,
    name: "email",
    identity: { type: "smtp", title: "Email", addressPrompt: "Enter an email address" },
    verbs: ["markRead"],
    files: true,
    threads: true,
    options: emailOptions,
    contacts,
    accountMode: (options) => options.accounts.enabled,
    async *login(context) {
      const { login } = await import("./login.ts");
      const policy = createHostPolicy(context.options.accounts, resolver);
      return yield* login(context, { policy, discovery: { resolver, fetch: context.fetch } });
    },
    async connect(account, host) {
      const { credentials, options, self } = account;
      if (credentials === undefined) throw new Error("an account of the email bridge without credentials");
      const { startAccountSession } = await import("./session.ts");
      const policy = createHostPolicy(options.accounts, resolver);
      return startAccountSession({ self, credentials, options, policy, gate, times: deps.times ?? {} }, host);
    },
    async serve(host) {
      const { domain } = host.options;
      if (domain === undefined) return undefined;
      const { startService } = await import("./service.ts");
      const listeners = deps.listenerTimes === undefined ? {} : { times: deps.listenerTimes };
      return startService(host, {
        domain,
        gate,
        resolvePolicy: operatorPolicy(domain.smarthost, resolver),
        ...listeners,
      });
    },
    listens: ({ domain }) =>
      (["lmtp", "smtp"] as const).flatMap((protocol) => {
        const at = parseListen(domain?.[protocol] ?? "");
        return at === undefined ? [] : [{ ...at, option: `domain.${protocol}` }];
      }),
    open: (original: IncomingOriginal, account) =>
      mime(account.options).open(original.raw, original.about as MailAbout, account.self),
    fileIn: (raw, source, options) => mime(options).file(raw, source),
    fullText: (raw, options) => mime(options).full(raw),
    async close() {
      const closing = pool;
      pool = undefined;
      await closing?.close();
    },
  };
}

/** The bridge as the gateway loads it. */
export const email: EmailBridge = createEmailBridge();
