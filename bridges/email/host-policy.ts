// Which hosts a user may make the gateway connect to (E25, X29): public addresses and mail ports, unless the operator
// allowed more. The addresses that were checked are the ones connected to, so a second DNS answer cannot swap them.
import { BlockList, isIP, isIPv4, isIPv6, type LookupFunction } from "node:net";
import { BridgeError } from "#bridge";
import type { MailResolver } from "./dns.ts";
import { type Endpoint, showEndpoint } from "./endpoint.ts";
import type { EmailOptions } from "./options.ts";

/** Submission, IMAP and their TLS ports: the only ones a user may name. */
export const mailPorts: readonly number[] = [25, 465, 587, 993, 143];

/** A host whose addresses passed the policy. */
export interface CheckedEndpoint extends Endpoint {
  readonly addresses: readonly string[];
  /** Accept any certificate: only for a server of the operator's table that says so. */
  readonly insecure: boolean;
}

export interface HostPolicy {
  /**
   * Resolve a host and check what it resolves to.
   * @throws BridgeError `reject` when the policy forbids it, `retry` when the name does not resolve.
   */
  check(endpoint: Endpoint): Promise<CheckedEndpoint>;
}

/** The part of the options that decides. */
export type PolicyOptions = Pick<EmailOptions["accounts"], "servers" | "allowPrivateHosts">;

/** @param ports what a host may be asked on unless the operator allowed it; the web's for autoconfig documents. */
export function createHostPolicy(
  options: PolicyOptions,
  resolver: MailResolver,
  ports: readonly number[] = mailPorts,
): HostPolicy {
  const allowed = new Set(options.allowPrivateHosts.map((entry) => entry.toLowerCase()));
  const operators = Object.values(options.servers).flatMap((pair) => [pair.imap, pair.smtp]);
  return {
    async check(endpoint) {
      const host = endpoint.host.toLowerCase();
      const own = operators.find((entry) => entry.host.toLowerCase() === host && entry.port === endpoint.port);
      const trusted = own !== undefined || allowed.has(host) || allowed.has(`${host}:${endpoint.port}`);
      if (endpoint.security === "none" && own?.security !== "none") {
        throw refuse(endpoint, "would take the password over an unencrypted connection");
      }
      if (!isHostName(host)) throw refuse(endpoint, "is not a host name");
      if (!trusted && !ports.includes(endpoint.port)) throw refuse(endpoint, "is not a port for this");
      const addresses = await resolver.addresses(host);
      if (addresses.length === 0) {
        throw new BridgeError("retry", `The mail server ${host} has no address at the moment.`, {
          condition: "remote-server-not-found",
        });
      }
      const fine = (address: string): boolean =>
        trusted || allowed.has(address) || allowed.has(`${address}:${endpoint.port}`) || isPublicAddress(address);
      if (!addresses.every(fine)) throw refuse(endpoint, "is not on the public internet");
      return { ...endpoint, addresses, insecure: own?.insecure === true };
    },
  };
}

/** For documents on the web: port 443 of public hosts. */
export function webPolicy(resolver: MailResolver): HostPolicy {
  return createHostPolicy({ servers: {}, allowPrivateHosts: [] }, resolver, [443]);
}

/** For the one server the operator named: nothing is forbidden, and the addresses are looked up all the same. */
export function operatorPolicy(server: Endpoint & { readonly insecure: boolean }, resolver: MailResolver): HostPolicy {
  return createHostPolicy({ servers: { operator: { imap: server, smtp: server } }, allowPrivateHosts: [] }, resolver);
}

function refuse(endpoint: Endpoint, why: string): BridgeError {
  return new BridgeError("reject", `This gateway does not connect to ${showEndpoint(endpoint)}: it ${why}.`, {
    condition: "not-allowed",
  });
}

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A DNS name as LDH labels (RFC 5890 A-labels for IDN) or an address literal. */
export function isHostName(host: string): boolean {
  if (isIP(host) !== 0) return true;
  return host.length > 0 && host.length <= 253 && host.split(".").every((part) => label.test(part));
}

/** For `net.connect`: answers with the checked addresses and nothing else. */
export function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_host, options, callback) => {
    const wanted = options.family === 4 || options.family === 6 ? options.family : undefined;
    const usable = wanted === undefined ? entries : entries.filter((entry) => entry.family === wanted);
    const first = usable[0];
    if (first === undefined) return callback(new Error("no checked address of that family"), "", 0);
    if (options.all) return callback(null, usable);
    callback(null, first.address, first.family);
  };
}

// The IANA special-purpose address registries (RFC 6890 and its successors).
const special = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const) {
  special.addSubnet(network, prefix, "ipv4");
}
// Inside 2000::/3: Teredo and other protocol assignments, documentation, 6to4 (which embeds any IPv4 address).
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const) {
  special.addSubnet(network, prefix, "ipv6");
}
const globalUnicast = new BlockList();
globalUnicast.addSubnet("2000::", 3, "ipv6");

/** Whether an address is reachable by everybody. IPv4-mapped and NAT64 forms are outside 2000::/3, thus refused. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, "ipv4");
  if (!isIPv6(address)) return false;
  return globalUnicast.check(address, "ipv6") && !special.check(address, "ipv6");
}
