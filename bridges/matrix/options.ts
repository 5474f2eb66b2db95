// The operator's configuration of this bridge: `bridges.matrix` in the YAML file.
import * as z from "zod";
import { domainOptions } from "./appservice/options.ts";

const webUrl = z.string().refine((value) => /^https?:\/\//.test(value) && URL.canParse(value), {
  error: 'expected an address such as "https://matrix.example.org"',
});

const accounts = z.strictObject({
  enabled: z.boolean().default(true).describe("Users may sign in with a Matrix account of their own."),
  homeserver: webUrl
    .optional()
    .describe(
      "The one homeserver whose accounts may be used. Left out: any, found by the user's Matrix address. One that is not public belongs into net.allowPrivateHosts as well.",
    ),
  clientUri: webUrl
    .refine((value) => value.startsWith("https://"), { error: "expected an https address" })
    .default("https://xmpp.org/extensions/xep-0100.html")
    .describe(
      "A page about this gateway, shown by homeservers that ask the user for consent in the browser (OAuth 2.0).",
    ),
  maxUploadBytes: z
    .number()
    .int()
    .min(65_536)
    .default(50 * 1024 * 1024)
    .describe("Largest file that is taken from XMPP to Matrix, in bytes; the homeserver's own limit counts too."),
});

/** The options of the Matrix bridge. */
export const matrixOptions = z.strictObject({
  accounts: accounts.prefault({}).describe("Account mode: users bring a Matrix account of their own."),
  domain: domainOptions
    .optional()
    .describe(
      "Domain mode: users of an XMPP domain are on the operator's homeserver, without an account of their own.",
    ),
});

export type MatrixOptions = z.output<typeof matrixOptions>;
