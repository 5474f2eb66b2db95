// Domain mode's configuration: `bridges.matrix.domain` in the YAML file.
import * as z from "zod";
import { isServerName } from "../ids.ts";

const webUrl = z
  .string()
  .refine((value) => /^https?:\/\//.test(value) && URL.canParse(value), {
    error: 'expected an address such as "http://127.0.0.1:8008"',
  })
  .transform((value) => value.replace(/\/+$/, ""));

const token = z.string().regex(/^[A-Za-z0-9._~+/=-]{32,255}$/, {
  error: 'expected at least 32 letters and digits, such as "openssl rand -hex 32" makes',
});

/** All ids of the gateway's begin with it, so it must be nobody else's: short or common ones are refused (M21). */
const prefix = z.string().regex(/^_[a-z0-9-]{2,30}_$/, {
  error: 'expected something between two underscores that no other user id begins with, such as "_xmpp_"',
});

const groupChats = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe("Matrix users may take part in group chats of XMPP: #_xmpp_room=40rooms.example.org:serverName."),
    services: z
      .array(
        z
          .string()
          .min(1)
          .transform((value) => value.toLowerCase()),
      )
      .optional()
      .describe("The services whose group chats are open to them. Left out: those that your XMPP server names."),
    rooms: z.number().int().min(1).max(10_000).default(100).describe("Group chats that are open from Matrix at most."),
    people: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(100)
      .describe("Matrix users in one group chat at most: each is an occupant of it."),
  })
  .describe("Group chats of XMPP as rooms of the homeserver.");

export const domainOptions = z
  .strictObject({
    homeserver: webUrl.describe("Where the gateway reaches the homeserver, best without a detour over the Internet."),
    serverName: z
      .string()
      .refine((value) => isServerName(value), { error: 'expected what user ids end in, such as "example.org"' })
      .describe("What the user ids of this homeserver end in."),
    users: z
      .string()
      .min(1)
      .transform((value) => value.toLowerCase())
      .describe("The XMPP domain whose users are on Matrix: alice@users is @_xmpp_alice=40users:serverName."),
    prefix: prefix.default("_xmpp_").describe("What the names of these users begin with on Matrix."),
    url: webUrl
      .optional()
      .describe(
        "Where the homeserver reaches the gateway's web server: the address of its /bridges/matrix. Left out: the public one.",
      ),
    id: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/, { error: "expected letters, digits, dots and hyphens" })
      .default("viaduct")
      .describe("The registration's id: unlike all others of the homeserver."),
    asToken: token
      .optional()
      .meta({ description: "What the gateway shows the homeserver. Left out: made once and stored.", writeOnly: true }),
    hsToken: token
      .optional()
      .meta({ description: "What the homeserver shows the gateway. Left out: made once and stored.", writeOnly: true }),
    registration: z.string().min(1).optional().meta({
      description: "The registration that the homeserver reads, so that it is checked at each start.",
      format: "path",
    }),
    ghostsPerHour: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .default(600)
      .describe("Users of the homeserver that are made for XMPP users in one hour at most."),
    groupChats: groupChats.prefault({}),
    findable: z
      .boolean()
      .default(true)
      .describe("Matrix users may look for XMPP users who have been on Matrix before, by a part of their name."),
  })
  .refine((domain) => (domain.asToken === undefined) === (domain.hsToken === undefined), {
    error: "asToken and hsToken go together",
  })
  .refine((domain) => domain.asToken === undefined || domain.asToken !== domain.hsToken, {
    error: "asToken and hsToken must differ",
  });

export type DomainOptions = z.output<typeof domainOptions>;
