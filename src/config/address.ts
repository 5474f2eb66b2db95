// JIDs and endpoints as the configuration has them. Full preparation (RFC 7622) is the edge's work: what passes here is
// compared again after it.
import { isIP } from "node:net";
import { domainToASCII } from "node:url";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** "host:port" or "[::1]:port"; undefined when it is neither. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port < 1 || port > 65_535) return undefined;
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined;
  if (plain === undefined || !isHostName(plain)) return undefined;
  return { host: plain, port };
}

/** A host, an address, or "host:port", as `net.allowPrivateHosts` has them, in lower case; undefined when it is none. */
export function parseHostEntry(text: string): string | undefined {
  const entry = text.toLowerCase();
  return isIP(entry) !== 0 || isHostName(entry) || parseEndpoint(entry) !== undefined ? entry : undefined;
}

/** An address of ours that others use; ends in "/". TLS is left out only for this machine. Undefined when it is none. */
export function parsePublicUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const secure = url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
  if (!secure || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return undefined;
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}

/** Whether traffic to this host stays on this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** The domain in lower case, NFC; undefined when it is none. */
export function parseDomain(text: string): string | undefined {
  const domain = text.normalize("NFC").toLowerCase();
  return isHostName(domain) ? domain : undefined;
}

/** A bare JID or a domain, in lower case, NFC; undefined when it is neither. */
export function parseBareJid(text: string): string | undefined {
  const at = text.lastIndexOf("@");
  const domain = parseDomain(text.slice(at + 1));
  if (domain === undefined || at === -1) return domain;
  const local = text.slice(0, at).normalize("NFC").toLowerCase();
  return isLocalPart(local) ? `${local}@${domain}` : undefined;
}

// RFC 7622 section 3.3.1: the characters that a local part may not hold, beside white space and controls.
function isLocalPart(local: string): boolean {
  return local !== "" && Buffer.byteLength(local) <= 1023 && !/["&'/:<>@\s\p{Cc}\p{Cf}]/u.test(local);
}

function isHostName(host: string): boolean {
  // It reads a host out of the beginning of a URL.
  if (/[/?#\\]/.test(host)) return false;
  const ascii = domainToASCII(host);
  if (ascii === "" || ascii.length > 253) return false;
  return ascii.split(".").every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
}
