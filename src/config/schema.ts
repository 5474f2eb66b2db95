// The options of the gateway itself. A bridge's own options are described by the bridge.
//
// `title` is the noun phrase for "expected", `examples[0]` the example of a problem, `description` the text in editors
// (through the JSON Schema). `writeOnly` marks secrets, `format: "path"` names of files and folders: the loader reads
// and resolves those before validation.
import { z } from "zod";
import { parseBareJid, parseDomain, parseEndpoint, parseHostEntry, parsePublicUrl } from "./address.ts";
import { parseDuration, parseSize } from "./units.ts";

/** Text that a function turns into a value, or refuses by returning undefined. */
function parsed<T>(
  parse: (text: string) => T | undefined,
  about: { title: string; description: string; examples: string[] },
) {
  return z
    .string()
    .meta(about)
    .transform((text, context) => {
      const value = parse(text);
      if (value !== undefined) return value;
      context.addIssue({ code: "custom", message: `this is not ${about.title}.` });
      return z.NEVER;
    });
}

const endpoint = (description: string, example = "127.0.0.1:5347") =>
  parsed(parseEndpoint, { title: "host:port", description, examples: [example] });

const domain = (description: string, example: string) =>
  parsed(parseDomain, { title: "a domain name", description, examples: [example] });

const people = (description: string) =>
  z.array(
    parsed(parseBareJid, {
      title: "a domain or an address without a resource (user@domain)",
      description,
      examples: ["example.org"],
    }),
  );

const count = (description: string, preset: number, least = 1) =>
  z
    .int()
    .min(least)
    .max(1_000_000)
    .meta({ description, examples: [preset] })
    .default(preset);

const duration = (description: string, preset: string) =>
  parsed(parseDuration, { title: "a duration such as 90s, 30m, 12h or 5d", description, examples: [preset] }).prefault(
    preset,
  );

const size = (description: string, preset: string) =>
  z
    .union([z.int().min(0).transform(String), z.string()])
    .meta({ title: "a size such as 64 KiB, 500 MiB or 2 GiB", description, examples: [preset] })
    .transform((text, context) => {
      const value = parseSize(text);
      if (value !== undefined) return value;
      context.addIssue({ code: "custom", message: "this is not a size." });
      return z.NEVER;
    })
    .prefault(preset);

const limits = z.strictObject({
  messagesPerMinute: count("Messages one user may send in a minute, on average", 60),
  messageBurst: count("Messages one user may send at once before messagesPerMinute holds", 20),
  queueExpiry: duration("How long a message waits for its network before its sender gets an error", "5d"),
  stanzaSize: size(
    "The largest stanza the gateway writes; servers close the stream above 256 KiB to 512 KiB",
    "64 KiB",
  ),
  loadedRows: count("Queued messages held in memory; the rest waits in the database", 2000),
  window: count("Stanzas on their way to the XMPP server before the gateway waits for it to have taken them", 32),
  accountsPerUser: count("Accounts one user may have over all bridges", 5),
  contactsPerUser: count("Contacts one user may have", 10_000),
  commandSessionsPerUser: count("Unfinished commands (XEP-0050) one user may have", 5),
  newRecipientsPerHour: count("People one user may write to for the first time in an hour", 20),
  loginAttempts: count("Sign-in attempts one user has in 15 minutes", 5),
  loginsPerSecond: count("Accounts that start per second after a restart", 10),
  minFreeDisk: size("Below this much free disk nothing new is accepted, while queued messages still go out", "500 MiB"),
});

const web = z.strictObject({
  listen: endpoint("Where the HTTP server listens, for a reverse proxy that does TLS", "127.0.0.1:8080").prefault(
    "127.0.0.1:8080",
  ),
  publicUrl: parsed(parsePublicUrl, {
    title: "an https address without a query",
    description: "What the public calls the HTTP server: links to files begin with it",
    examples: ["https://files.example.org/"],
  }),
  linkLifetime: duration("How long a link to a file of a message works", "30d"),
});

/** The whole file, without what belongs to a bridge. */
export const coreSchema = z.strictObject({
  xmpp: z
    .strictObject({
      server: endpoint("The XMPP server's component port (XEP-0114)"),
      domain: domain(
        "The domain of your XMPP users. They may use the gateway unless `permissions` says otherwise",
        "example.org",
      ),
    })
    .meta({ description: "The XMPP server this gateway belongs to" }),
  store: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .meta({ title: "a folder", description: "Holds viaduct.db", format: "path", examples: ["./data"] })
        .prefault("./data"),
      key: z
        .string()
        .min(1)
        .meta({
          title: "a file",
          description:
            "The key that seals stored passwords; made at the first start. Default: viaduct.key in store.path",
          format: "path",
          examples: ["./data/viaduct.key"],
        })
        .optional(),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error"])
        .meta({ description: "How much is logged. Only debug shows addresses", examples: ["info"] })
        .default("info"),
    })
    .prefault({}),
  permissions: z
    .strictObject({
      allow: people("Who may use the gateway. Default: everybody at xmpp.domain").optional(),
      admins: people("Addresses of those who may use the administration commands (`forget`)").optional(),
    })
    .prefault({}),
  limits: limits.prefault({}),
  web: web
    .meta({
      description:
        "The HTTP server. Without it attachments are only named, nobody signs in in a browser, and bridges get no requests over HTTP",
    })
    .optional(),
  net: z
    .strictObject({
      allowPrivateHosts: z
        .array(
          parsed(parseHostEntry, {
            title: "a host, an address or host:port",
            description:
              "Hosts that bridges may ask over HTTP although they are private, or have no TLS: your own homeserver, your upload server",
            examples: ["matrix.internal:8008"],
          }),
        )
        .default([]),
    })
    .prefault({}),
});

/** What every bridge has; all other keys beside these are the bridge's own. */
export const bridgeSchema = z.strictObject({
  jid: domain("The gateway's own domain for this network, as the XMPP server knows the component", "email.example.org"),
  secret: z
    .string()
    .min(1)
    .regex(/^[^\p{Cc}]*$/u, "this has control characters in it; a component secret is one line.")
    .meta({
      title: "a secret, { file: secret.txt } or { env: NAME }",
      description: "The component secret, the same as in the XMPP server",
      writeOnly: true,
      examples: ["{ file: secret.txt }"],
    }),
  server: endpoint("The component port for this bridge, if it is not xmpp.server").optional(),
  permissions: z
    .strictObject({
      allow: people("Who may use this bridge. Default: permissions.allow").optional(),
      admins: people("Who may administer this bridge. Default: permissions.admins").optional(),
    })
    .prefault({}),
});

export type CoreOptions = z.output<typeof coreSchema>;
export type BridgeOptions = z.output<typeof bridgeSchema>;
/** All limits; durations in milliseconds, sizes in bytes. */
export type ConfiguredLimits = z.output<typeof limits>;
