// The operator's configuration of this bridge: `bridges.email` in the YAML file.
import { BlockList, isIP } from "node:net";
import * as z from "zod";

const hostName = z.string().min(1).max(253);
const port = z.number().int().min(1).max(65535);

/** "127.0.0.1:8025" or "[::1]:8025". */
const listenAddress = z.string().refine((value) => parseListen(value) !== undefined, {
  error: 'expected "host:port", such as "127.0.0.1:8025"',
});

const cidr = z.string().refine((value) => parseNetwork(value) !== undefined, {
  error: 'expected a network, such as "192.0.2.0/24" or "::1/128"',
});

function server(defaultPort: number, defaultSecurity: "tls" | "starttls"): ReturnType<typeof serverShape> {
  return serverShape(defaultPort, defaultSecurity);
}

function serverShape(defaultPort: number, defaultSecurity: "tls" | "starttls") {
  return z.strictObject({
    host: hostName.describe("Host name or address of the server."),
    port: port.default(defaultPort).describe("TCP port."),
    security: z
      .enum(["tls", "starttls", "none"])
      .default(defaultSecurity)
      .describe('"tls" from the first byte, "starttls" (enforced), or "none" for a server on this machine.'),
    insecure: z
      .boolean()
      .default(false)
      .describe("Accept any certificate of this server. For a laboratory, or a self-signed server on this machine."),
  });
}

const accounts = z.strictObject({
  enabled: z.boolean().default(true).describe("Users may sign in with a mail account of their own."),
  servers: z
    .record(
      z.string().min(1),
      z.strictObject({
        imap: server(993, "tls").describe("Where mail of this domain is read."),
        smtp: server(465, "tls").describe("Where mail of this domain is submitted."),
      }),
    )
    .default({})
    .describe("Servers by mail domain, asked before any discovery. They may be private hosts."),
  allowPrivateHosts: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Hosts or addresses ("mail.lan", "10.0.0.5", "10.0.0.5:993") that users may name although they are not public.',
    ),
  maxMailBytes: z
    .number()
    .int()
    .min(65_536)
    .default(2_097_152)
    .describe("Mails up to this size are read whole; of larger ones the beginning is read and the rest is mentioned."),
  largeMailBytes: z
    .number()
    .int()
    .min(16_384)
    .default(102_400)
    .describe("How much of a mail above maxMailBytes is read."),
});

const domain = z.strictObject({
  name: z
    .string()
    .min(1)
    .meta({ description: "The mail domain whose mail comes to this gateway.", examples: ["example.net"] }),
  users: z.string().min(1).describe("The XMPP domain whose users own the addresses: alice@users has alice@name."),
  lmtp: listenAddress.optional().describe('Where the mail server delivers by LMTP, such as "127.0.0.1:8024".'),
  smtp: listenAddress.optional().describe('Where mail is accepted by SMTP, such as "127.0.0.1:8025".'),
  tls: z
    .strictObject({
      certFile: z.string().min(1).meta({ description: "Certificate chain, PEM.", format: "path" }),
      keyFile: z.string().min(1).meta({ description: "Private key, PEM.", format: "path" }),
    })
    .optional()
    .describe("Offer STARTTLS on the listeners."),
  smarthost: z
    .strictObject({
      host: hostName.describe("The mail server that takes outgoing mail."),
      port: port.default(587).describe("TCP port."),
      security: z
        .enum(["tls", "starttls", "none"])
        .default("starttls")
        .describe('"tls", "starttls" (enforced), or "none" for a server on this machine.'),
      insecure: z.boolean().default(false).describe("Accept any certificate of this server."),
      user: z.string().min(1).optional().describe("Account for SMTP AUTH."),
      password: z.string().min(1).optional().meta({ description: "Password for SMTP AUTH.", writeOnly: true }),
      connections: z.number().int().min(1).max(100).default(5).describe("Connections kept to it at most."),
    })
    .refine((host) => (host.user === undefined) === (host.password === undefined), {
      error: "user and password go together",
    })
    .describe("Where outgoing mail goes."),
  maxSize: z
    .number()
    .int()
    .min(65_536)
    .default(25 * 1024 * 1024)
    .describe("Largest mail accepted, in bytes."),
  trusted: z
    .array(cidr)
    .default(["127.0.0.0/8", "::1/128"])
    .describe("Networks whose hosts may connect to the listeners at all."),
  maxConnections: z.number().int().min(1).max(1000).default(50).describe("Connections to a listener at one time."),
  maxBufferedBytes: z
    .number()
    .int()
    .min(1_048_576)
    .default(128 * 1024 * 1024)
    .describe("Memory for mails that are being received; above it new ones are put off with a 452."),
});

/** The options of the email bridge. */
export const emailOptions = z.strictObject({
  accounts: accounts.prefault({}).describe("Account mode: users bring a mail account of their own."),
  domain: domain
    .optional()
    .describe("Domain mode: one mail domain whose addresses belong to the users of an XMPP domain."),
  attachmentBytes: z
    .number()
    .int()
    .min(0)
    .max(50 * 1024 * 1024)
    .default(10 * 1024 * 1024)
    .describe(
      "Files of users up to this size are attached to their mails; of a larger one the link stays in the text.",
    ),
  textLength: z
    .number()
    .int()
    .min(500)
    .max(50_000)
    .default(4000)
    .describe("Longest text of a mail shown in a chat, in characters; the rest is mentioned."),
});

export type EmailOptions = z.output<typeof emailOptions>;
export type DomainOptions = NonNullable<EmailOptions["domain"]>;

/** Split "host:port" or "[v6]:port". */
export function parseListen(value: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const number = Number(match?.[3]);
  if (host === undefined || number > 65_535) return undefined;
  return { host, port: number };
}

/** Split "192.0.2.0/24"; a lone address is a network of one. */
export function parseNetwork(value: string): { address: string; prefix: number; family: "ipv4" | "ipv6" } | undefined {
  const [address = "", length, ...rest] = value.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return undefined;
  const bits = version === 4 ? 32 : 128;
  const prefix = length === undefined ? bits : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (prefix < 0 || prefix > bits) return undefined;
  return { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

/** Whether an address is in one of the networks. */
export function networkMatcher(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network !== undefined) list.addSubnet(network.address, network.prefix, network.family);
  }
  return (address) => {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 4 ? "ipv4" : "ipv6");
  };
}
