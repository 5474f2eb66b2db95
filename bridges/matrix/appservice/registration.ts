// The registration of the application service (Application Service API, "Registration"): the file that the operator gives
// the homeserver.
import { readFile } from "node:fs/promises";
import { parse, stringify } from "yaml";
import { field, listAt, objectAt, textAt } from "../json.ts";
import type { DomainOptions } from "./options.ts";
import { isSameToken, type ServiceTokens } from "./tokens.ts";

/**
 * Where the homeserver reaches the gateway, without a slash at the end.
 * @param mounted what `mount` returned
 * @throws with a sentence for the operator when that is nowhere
 */
export function serviceUrl({ url }: Pick<DomainOptions, "url">, mounted: URL | undefined): string {
  if (mounted === undefined)
    throw new Error(
      "domain mode needs the gateway's web server: set web.listen, and bridges.matrix.domain.url if need be",
    );
  return url ?? mounted.href.replace(/\/+$/, "");
}

/** @param url where the homeserver reaches the gateway, from `serviceUrl` */
export function registrationYaml(domain: DomainOptions, tokens: ServiceTokens, url: string): string {
  const { id, prefix, serverName, users } = domain;
  const ours = (sigil: string) => [{ exclusive: true, regex: `^${sigil}${escaped(prefix)}.*:${escaped(serverName)}$` }];
  const registration = {
    id,
    url: url.replace(/\/+$/, ""),
    as_token: tokens.asToken,
    hs_token: tokens.hsToken,
    sender_localpart: `${prefix}bot`,
    namespaces: { users: ours("@"), aliases: ours("#"), rooms: [] },
    rate_limited: false,
    protocols: ["xmpp"],
    receive_ephemeral: true,
    // COMPAT(Synapse, which reads only this name): typing, receipts and presence.
    "de.sorunome.msc2409.push_ephemeral": true,
  };
  const head = [
    `Viaduct: the XMPP users of ${users} on Matrix. Keep it secret: it holds two tokens.`,
    "Synapse: name this file in app_service_config_files of homeserver.yaml, and restart.",
  ];
  return `${head.map((line) => `# ${line}\n`).join("")}${stringify(registration)}`;
}

/** Reads the file that the homeserver has. @throws with a sentence for the operator when it must not be used (M21) */
export async function checkRegistrationFile(path: string, domain: DomainOptions, tokens: ServiceTokens): Promise<void> {
  let registration: unknown;
  try {
    registration = parse(await readFile(path, "utf8"), { maxAliasCount: 0 });
  } catch (cause) {
    throw new Error(`the registration ${path} cannot be read: ${cause instanceof Error ? cause.message : ""}`, {
      cause,
    });
  }
  const problem = registrationProblem(registration, domain, tokens);
  if (problem !== undefined)
    throw new Error(`the registration ${path} ${problem}; make it anew with "viaduct matrix registration"`);
}

/** What is wrong with a registration, as the end of a sentence; undefined when it may be used. */
export function registrationProblem(
  registration: unknown,
  domain: DomainOptions,
  tokens: ServiceTokens,
): string | undefined {
  if (textAt(registration, "id") !== domain.id) return `is not the one of "${domain.id}"`;
  const same = (key: string, token: string): boolean => isSameToken(textAt(registration, key) ?? "", token);
  if (!same("as_token", tokens.asToken) || !same("hs_token", tokens.hsToken))
    return "has other tokens than the gateway";
  if (textAt(registration, "sender_localpart") !== `${domain.prefix}bot`)
    return `has another sender_localpart than ${domain.prefix}bot`;
  const namespaces = objectAt(registration, "namespaces");
  const users = listAt(namespaces, "users");
  if (users.length === 0) return "claims no users";
  if (listAt(namespaces, "rooms").length > 0) return "claims rooms, which the gateway does not use";
  for (const [sigil, list] of [["@", users] as const, ["#", listAt(namespaces, "aliases")] as const]) {
    for (const entry of list) {
      const problem = namespaceProblem(entry, sigil, domain);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function namespaceProblem(entry: unknown, sigil: "@" | "#", { prefix, serverName }: DomainOptions): string | undefined {
  const regex = textAt(entry, "regex") ?? "";
  if (field(entry, "exclusive") !== true) return `shares ${regex} with others: it must be exclusive`;
  // Only expressions of this form are sure to match nobody else's ids; it may be narrower, and end without "$".
  const form = new RegExp(
    `^\\^?${sigil}${escaped(escaped(prefix))}(?![*+])[A-Za-z0-9_.*=+\\\\-]*:${escaped(escaped(serverName))}\\$?$`,
  );
  return form.test(regex) ? undefined : `claims ${regex}, which is more than ids that begin with ${sigil}${prefix}`;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
