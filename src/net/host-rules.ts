// Which URLs the gateway asks on behalf of others (security.md X29, M18): https on public hosts, unless the operator
// allowed more. Names are resolved and checked when a connection is made, and that connection goes to what was checked.
import { lookup as systemLookup, Resolver } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { BridgeError, isHostName, isPublicAddress, pinnedLookup } from "#bridge";

/** All addresses of a name, best first; empty when there are none. `own`: the operator named this host. */
export type ResolveHost = (host: string, own: boolean) => Promise<readonly string[]>;

export interface HostRules {
  /** Throws BridgeError `reject` when nobody may be asked there. */
  check(url: URL): void;
  /** For `net.connect`: resolves the name, and fails with BridgeError `reject` unless every address is allowed. */
  lookupFor(url: URL): LookupFunction;
}

/** @param allow hosts, "host:port" pairs and addresses that are trusted: also private ones, also without TLS. */
export function createHostRules(allow: readonly string[], resolve: ResolveHost = systemResolve()): HostRules {
  const allowed = new Set(allow.map((entry) => entry.toLowerCase().replace(/^\[(.*)\]$/, "$1")));
  const isAllowed = (host: string, port: number) =>
    allowed.has(host) || allowed.has(`${host}:${port}`) || allowed.has(`[${host}]:${port}`);
  const isOwn = (url: URL) => isAllowed(hostOf(url), portOf(url));

  return {
    check(url) {
      if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse(url, "only https links are followed");
      if (url.username !== "" || url.password !== "") throw refuse(url, "a link must not hold a password");
      if (isOwn(url)) return;
      if (url.protocol !== "https:") throw refuse(url, "only https links are followed");
      const host = hostOf(url);
      // A URL hides an IPv4 address in many ways (decimal, hexadecimal, mapped into IPv6): no address, no question.
      if (isIP(host) !== 0 || !isHostName(host)) throw refuse(url, "it is not a host name");
      if (!isWebPort(portOf(url))) throw refuse(url, "it is not a port for this");
    },
    lookupFor: (url) => (host, options, callback) => {
      const own = isOwn(url);
      const answer = (addresses: readonly string[]): void => {
        if (addresses.length === 0) return callback(new Error(`${host} has no address`), "", 0);
        const fine = (address: string) => own || isAllowed(address, portOf(url)) || isPublicAddress(address);
        if (!addresses.every(fine)) return callback(refuse(url, "it is not on the public internet"), "", 0);
        pinnedLookup(addresses)(host, options, callback);
      };
      resolve(host.toLowerCase(), own).then(answer, (error: Error) => callback(error, "", 0));
    },
  };
}

/** In lower case, an IPv6 address without its brackets. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

const portOf = (url: URL): number => Number(url.port) || (url.protocol === "https:" ? 443 : 80);

/** 443, and what needs no privilege to listen on, such as 8448 of Matrix: mail and remote shells are below. */
const isWebPort = (port: number): boolean => port === 443 || port >= 1024;

function refuse(url: URL, why: string): BridgeError {
  return new BridgeError("reject", `This gateway does not connect to ${url.host || "that address"}: ${why}.`, {
    condition: "not-allowed",
  });
}

const queryTimeout = 3_000;

/**
 * The DNS for hosts that others named, which waits outside of the thread pool: getaddrinfo would let four slow names of
 * an attacker keep the database from its fsync. The operator's own hosts may stand in /etc/hosts.
 */
function systemResolve(): ResolveHost {
  const dns = new Resolver({ timeout: queryTimeout, tries: 2 });
  return async (host, own) => {
    if (own) return (await systemLookup(host, { all: true, order: "ipv4first" })).map(({ address }) => address);
    const answers = await Promise.allSettled([dns.resolve4(host), dns.resolve6(host)]);
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  };
}
