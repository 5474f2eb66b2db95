// Which hosts a user may make the gateway connect to (E25, X29): public addresses and mail ports, unless the operator
// allowed more. The addresses that were checked are the ones connected to, so a second DNS answer cannot swap them.
import { BridgeError, isHostName, isPublicAddress } from "#bridge";
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

export function createHostPolicy(options: PolicyOptions, resolver: MailResolver): HostPolicy {
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
      if (!trusted && !mailPorts.includes(endpoint.port)) throw refuse(endpoint, "is not a port for this");
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

/** For the one server the operator named: nothing is forbidden, and the addresses are looked up all the same. */
export function operatorPolicy(server: Endpoint & { readonly insecure: boolean }, resolver: MailResolver): HostPolicy {
  return createHostPolicy({ servers: { operator: { imap: server, smtp: server } }, allowPrivateHosts: [] }, resolver);
}

function refuse(endpoint: Endpoint, why: string): BridgeError {
  return new BridgeError("reject", `This gateway does not connect to ${showEndpoint(endpoint)}: it ${why}.`, {
    condition: "not-allowed",
  });
}
