// Where a mail server is: the words that discovery, login, sessions and the SMTP pool share.
import type { Json } from "#bridge";

/** `tls` from the first byte (RFC 8314), `starttls` always enforced, `none` only where the operator says so. */
export type Security = "tls" | "starttls" | "none";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly security: Security;
}

/** The two servers of a mail account. */
export interface MailServers {
  readonly imap: Endpoint;
  readonly smtp: Endpoint;
}

/** What `login` returns and the core seals: the account's servers, its address and how it signs in. */
export interface EmailCredentials {
  readonly [key: string]: Json;
  readonly imap: Json & Endpoint;
  readonly smtp: Json & Endpoint;
  readonly address: string;
  readonly user: string;
  readonly password: string;
}

/** "mail.example:993", the way logs and messages name a server. */
export function showEndpoint(endpoint: Endpoint): string {
  return `${endpoint.host}:${endpoint.port}`;
}
