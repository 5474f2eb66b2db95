// The questions this bridge asks the DNS, as an interface, so that tests run without a network.
import { Resolver as DnsResolver, lookup } from "node:dns/promises";

export interface SrvAnswer {
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** Each method gives an empty list where nothing is published, and never throws. */
export interface MailResolver {
  /** Every address of a host, IPv4 first; an address literal gives itself. */
  addresses(host: string): Promise<readonly string[]>;
  /** SRV records of a full name such as `_imaps._tcp.example.org`. */
  srv(name: string): Promise<readonly SrvAnswer[]>;
  /** Mail exchangers, best first. */
  mx(domain: string): Promise<readonly string[]>;
}

const queryTimeout = 3000;

/** The machine's own resolver: getaddrinfo for addresses (so that /etc/hosts counts), the DNS for the rest. */
export function systemResolver(): MailResolver {
  const dns = new DnsResolver({ timeout: queryTimeout, tries: 2 });
  return {
    addresses: async (host) => {
      const found = await lookup(host, { all: true, order: "ipv4first" }).catch(() => []);
      return found.map((entry) => entry.address);
    },
    srv: async (name) => {
      const found = await dns.resolveSrv(name).catch(() => []);
      return found.map((entry) => ({
        host: entry.name,
        port: entry.port,
        priority: entry.priority,
        weight: entry.weight,
      }));
    },
    mx: async (domain) => {
      const found = await dns.resolveMx(domain).catch(() => []);
      return found.toSorted((a, b) => a.priority - b.priority).map((entry) => entry.exchange);
    },
  };
}
