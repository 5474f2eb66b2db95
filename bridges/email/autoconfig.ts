// The autoconfig document (draft-ietf-mailmaint-autoconfig, config-v1.1.xml), as far as this bridge needs it.
import { parse } from "ltx";
import type { GuardedFetch } from "#bridge";
import type { Endpoint, MailServers, Security } from "./endpoint.ts";

export interface Autoconfig extends MailServers {
  /** The sign-in name, where the document asks for another than the address. */
  readonly user?: string;
}

/** No document that means well is longer. Bytes. */
const maxBytes = 64 * 1024;

/** What a document on the web says; undefined when there is none of use. Rejects as GuardedFetch does. */
export async function fetchAutoconfig(
  url: string,
  address: string,
  fetch: GuardedFetch,
  signal: AbortSignal,
): Promise<Autoconfig | undefined> {
  const answer = await fetch(url, { headers: { accept: "text/xml, application/xml" }, maxBytes, signal });
  if (answer.status === 200) return readAutoconfig(await answer.text(), address);
  await answer.body?.cancel();
  return undefined;
}

/** The first usable IMAP and SMTP server of a document; undefined when one is missing or the XML is broken. */
export function readAutoconfig(document: string, address: string): Autoconfig | undefined {
  // A document type could define entities; nobody's autoconfig needs one.
  if (/<!DOCTYPE|<!ENTITY/i.test(document)) return undefined;
  const root = parseOrNothing(document);
  const provider = root?.getChild("emailProvider");
  if (provider === undefined) return undefined;
  const imap = firstServer(provider.getChildren("incomingServer", undefined), "imap", address);
  const smtp = firstServer(provider.getChildren("outgoingServer", undefined), "smtp", address);
  if (imap === undefined || smtp === undefined) return undefined;
  return { imap: imap.endpoint, smtp: smtp.endpoint, ...(imap.user === address ? {} : { user: imap.user }) };
}

type Node = ReturnType<typeof parse>;

function parseOrNothing(document: string): Node | undefined {
  try {
    return parse(document.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}

function firstServer(servers: readonly Node[], type: string, address: string) {
  for (const server of servers) {
    if (server.attrs.type !== type) continue;
    const methods = server.getChildren("authentication", undefined).map((node) => node.text().trim());
    const takesPassword = methods.length === 0 || methods.some((name) => name.startsWith("password-"));
    const security = securityOf(server.getChildText("socketType")?.trim());
    const port = Number(server.getChildText("port"));
    if (security === undefined || !takesPassword || !Number.isInteger(port)) continue;
    const host = fill(server.getChildText("hostname") ?? "", address).toLowerCase();
    const endpoint: Endpoint = { host, port, security };
    return { endpoint, user: fill(server.getChildText("username") ?? "%EMAILADDRESS%", address) };
  }
  return undefined;
}

/** Plain text connections are no offer (RFC 8314). */
function securityOf(socketType: string | undefined): Security | undefined {
  if (socketType === "SSL") return "tls";
  return socketType === "STARTTLS" ? "starttls" : undefined;
}

function fill(template: string, address: string): string {
  const at = address.lastIndexOf("@");
  return template
    .trim()
    .replaceAll("%EMAILADDRESS%", address)
    .replaceAll("%EMAILLOCALPART%", address.slice(0, at))
    .replaceAll("%EMAILDOMAIN%", address.slice(at + 1));
}
