// What tests see of an XMPP server, whichever it is.
import type { Lifecycle } from "./daemon.ts";
import { startEjabberd } from "./ejabberd.ts";
import { startProsody } from "./prosody.ts";

export type XmppServerName = "prosody" | "ejabberd";

export interface XmppServerOptions {
  /** Default: a temporary folder, removed by `stop`. A folder given here is never removed. */
  readonly dir?: string;
  /** Default "localhost". */
  readonly domain?: string;
  /** Passwords by user name. */
  readonly users?: Readonly<Record<string, string>>;
  /** Default: email.DOMAIN with the secret "secret". */
  readonly components?: readonly ComponentAccount[];
  /**
   * XEP-0356 for the components. Default: true on Prosody, false on ejabberd, because 24.12 with mod_privilege
   * silently drops every plain iq of a component.
   */
  readonly privilege?: boolean;
  /** Offer STARTTLS with a self-signed certificate (clients in plain text stay welcome). Default false. */
  readonly tls?: boolean;
  /** Prosody only: a second stream of one component replaces the first. Default: it is refused. */
  readonly conflict?: "kick_old";
  /**
   * XEP-0313 archive of all messages. Default: true on Prosody (2,000 messages/s to one user instead of 6,000), false
   * on ejabberd, whose Mnesia archive falls to under 100/s after some thousand messages.
   */
  readonly archive?: boolean;
  /** Default "info". */
  readonly logLevel?: "debug" | "info" | "warn" | "error";
}

export interface ComponentAccount {
  readonly jid: string;
  readonly secret: string;
}

export interface XmppServer extends Lifecycle {
  readonly name: XmppServerName;
  readonly domain: string;
  /** Clients, plain TCP (STARTTLS with `tls`). */
  readonly c2sPort: number;
  /** XEP-0114. */
  readonly componentPort: number;
  /** HTTP uploads (XEP-0363 at upload.DOMAIN); ejabberd: /ws and /bosh too. */
  readonly httpPort: number;
  readonly logFile: string;
  /** With `tls`: the certificate, for clients that verify. */
  readonly certFile: string | undefined;
  addUser(user: string, password: string): Promise<void>;
}

/** Starts the named server: for tests that run on both. */
export function startXmppServer(name: XmppServerName, options: XmppServerOptions = {}): Promise<XmppServer> {
  return name === "prosody" ? startProsody(options) : startEjabberd(options);
}
