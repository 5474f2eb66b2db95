// Where a host that somebody else named may be: public addresses only, and the addresses that were checked are the ones
// connected to, so that a second DNS answer cannot swap them (security.md X29, E25, M18).
import { BlockList, isIP, isIPv4, isIPv6, type LookupFunction } from "node:net";

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A DNS name in lower case as LDH labels (RFC 5890 A-labels for IDN), or an address literal without brackets. */
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
