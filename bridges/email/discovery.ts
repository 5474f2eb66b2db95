// From an address to its servers, without asking the user (email.md 43). The operator's table and the built-in one
// answer at once; otherwise autoconfig over https, SRV records (RFC 6186, RFC 8314) and the domain's MX are asked at
// the same time and the most trustworthy answer is taken.
import { type GuardedFetch, isHostName } from "#bridge";
import { fetchAutoconfig } from "./autoconfig.ts";
import type { MailResolver, SrvAnswer } from "./dns.ts";
import type { Endpoint, MailServers } from "./endpoint.ts";
import type { EmailOptions } from "./options.ts";
import { type Provider, providerOfDomain, providerOfExchanger } from "./providers.ts";

export interface Discovery {
  readonly resolver: MailResolver;
  readonly fetch: GuardedFetch;
  /** For everything together, in milliseconds. */
  readonly timeout?: number;
}

export interface Found {
  readonly servers: MailServers;
  /** The sign-in name, where it is not the address. */
  readonly user?: string;
  readonly from: "operator" | "table" | "autoconfig" | "srv" | "mx";
  readonly provider?: Provider;
  /**
   * Nothing vouches that these hosts belong to the address's domain (RFC 6186 section 6): show them before the
   * password is sent.
   */
  readonly confirm: boolean;
}

/** What is known about an address: its servers, or only that its provider cannot be used, or nothing. */
export type Discovered = Found | { readonly unusable: Provider } | undefined;

const defaultTimeout = 10_000;

/** Find the servers of an address. Never throws; at most `timeout` long. */
export async function discover(
  address: string,
  servers: EmailOptions["accounts"]["servers"],
  discovery: Discovery,
  signal: AbortSignal,
): Promise<Discovered> {
  const domain = address.slice(address.lastIndexOf("@") + 1).toLowerCase();
  const own = servers[domain];
  if (own !== undefined) return { servers: { imap: own.imap, smtp: own.smtp }, from: "operator", confirm: false };
  const known = providerOfDomain(domain);
  if (known !== undefined) return fromProvider(known, "table");
  if (!isHostName(domain)) return undefined;

  const limit = AbortSignal.any([signal, AbortSignal.timeout(discovery.timeout ?? defaultTimeout)]);
  const over = new Promise<undefined>((resolve) => limit.addEventListener("abort", () => resolve(undefined)));
  const bounded = <T>(work: Promise<T>): Promise<T | undefined> => Promise.race([work.catch(() => undefined), over]);
  const document = (url: string) => bounded(fetchAutoconfig(url, address, discovery.fetch, limit));
  // All asked at once, taken in this order.
  const published = [
    document(`https://autoconfig.${domain}/mail/config-v1.1.xml?emailaddress=${encodeURIComponent(address)}`),
    document(`https://${domain}/.well-known/autoconfig/mail/config-v1.1.xml`),
  ];
  const records = bounded(fromSrv(domain, discovery.resolver));
  const exchangers = bounded(discovery.resolver.mx(domain));
  for (const answer of published) {
    const config = await answer;
    if (config !== undefined) {
      const user = config.user === undefined ? {} : { user: config.user };
      return { servers: { imap: config.imap, smtp: config.smtp }, ...user, from: "autoconfig", confirm: false };
    }
  }
  const srv = await records;
  const provider = (await exchangers)?.map(providerOfExchanger).find((entry) => entry !== undefined);
  if (srv !== undefined) {
    const inside = [srv.imap, srv.smtp].every(({ host }) => host === domain || host.endsWith(`.${domain}`));
    return { servers: srv, from: "srv", confirm: !inside, ...(provider === undefined ? {} : { provider }) };
  }
  return provider === undefined ? undefined : fromProvider(provider, "mx");
}

function fromProvider(provider: Provider, from: "table" | "mx"): Discovered {
  if (provider.servers === undefined) return { unusable: provider };
  return { servers: provider.servers, from, provider, confirm: false };
}

async function fromSrv(domain: string, resolver: MailResolver): Promise<MailServers | undefined> {
  const [imaps, imap, submissions, submission] = await Promise.all(
    ["_imaps", "_imap", "_submissions", "_submission"].map((name) => resolver.srv(`${name}._tcp.${domain}`)),
  );
  const incoming = best(imaps, "tls") ?? best(imap, "starttls");
  const outgoing = best(submissions, "tls") ?? best(submission, "starttls");
  return incoming === undefined || outgoing === undefined ? undefined : { imap: incoming, smtp: outgoing };
}

/** RFC 2782: the lowest priority number, then the largest weight; the target "." means "not offered". */
function best(records: readonly SrvAnswer[] | undefined, security: "tls" | "starttls"): Endpoint | undefined {
  const usable = (records ?? []).filter((record) => record.host !== "" && record.host !== ".");
  const [first] = usable.toSorted((a, b) => a.priority - b.priority || b.weight - a.weight);
  if (first === undefined) return undefined;
  return { host: first.host.toLowerCase().replace(/\.$/, ""), port: first.port, security };
}
