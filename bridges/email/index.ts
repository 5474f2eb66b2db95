// The email bridge: mail as chat, with an account of the user's own (IMAP and SMTP) or with an address of the operator's
// mail domain (LMTP and a smarthost).
import type { Bridge, IncomingOriginal } from "#bridge";
import { contacts } from "./addressing.ts";
import { type MailResolver, systemResolver } from "./dns.ts";
import type { EmailCredentials } from "./endpoint.ts";
import { type GetDocument, guardedGet } from "./guarded-get.ts";
import { createHostPolicy, operatorPolicy, webPolicy } from "./host-policy.ts";
import type { ListenerTimes } from "./lmtp.ts";
import { login } from "./login.ts";
import { type MailboxTimes, mailboxTimes } from "./mailbox-session.ts";
import { MimePool } from "./mime-pool.ts";
import type { MailAbout } from "./mime-to-message.ts";
import { type EmailOptions, emailOptions } from "./options.ts";
import { startService } from "./service.ts";
import { startAccountSession } from "./session.ts";

/** What tests put in place of the world. */
export interface EmailDeps {
  readonly resolver?: MailResolver;
  readonly get?: GetDocument;
  readonly times?: Partial<MailboxTimes>;
  readonly listenerTimes?: ListenerTimes;
}

export type EmailBridge = Bridge<EmailOptions, EmailCredentials, "markRead">;

/** A bridge with resources of its own; `close` lets go of them. */
export function createEmailBridge(deps: EmailDeps = {}): EmailBridge {
  const resolver = deps.resolver ?? systemResolver();
  const get = deps.get ?? guardedGet(webPolicy(resolver).check);
  const times = { ...mailboxTimes, ...deps.times };
  let pool: MimePool | undefined;
  return {
    apiVersion: 1,
    name: "email",
    identity: { type: "smtp", title: "Email", addressPrompt: "Enter an email address" },
    verbs: ["markRead"],
    threads: true,
    options: emailOptions,
    contacts,
    login: (context) =>
      login(context, { policy: createHostPolicy(context.options.accounts, resolver), discovery: { resolver, get } }),
    async connect(account, host) {
      const { credentials, options, self } = account;
      if (credentials === undefined) throw new Error("an account of the email bridge without credentials");
      const policy = createHostPolicy(options.accounts, resolver);
      return startAccountSession({ self, credentials, options, policy, times }, host);
    },
    async serve(host) {
      const { domain } = host.options;
      if (domain === undefined) return undefined;
      const listeners = deps.listenerTimes === undefined ? {} : { times: deps.listenerTimes };
      return startService(host, { domain, resolvePolicy: operatorPolicy(domain.smarthost, resolver), ...listeners });
    },
    async open(original: IncomingOriginal, account) {
      pool ??= new MimePool({ limits: { textLength: account.options.textLength } });
      return pool.open(original.raw, original.about as MailAbout, account.self);
    },
    async close() {
      const closing = pool;
      pool = undefined;
      await closing?.close();
    },
  };
}

/** The bridge as the gateway loads it. */
export const email: EmailBridge = createEmailBridge();
