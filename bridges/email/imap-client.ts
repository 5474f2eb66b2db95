// One IMAP connection, signed in or refused. Everything that is set on imapflow is set here.
import { ImapFlow } from "imapflow";
import { BridgeError, pinnedLookup } from "#bridge";
import { within } from "./deadline.ts";
import { showEndpoint } from "./endpoint.ts";
import type { CheckedEndpoint } from "./host-policy.ts";

export interface ImapLogin {
  readonly server: CheckedEndpoint;
  readonly user: string;
  readonly password: string;
}

export interface ImapLimits {
  /** The largest literal a server may send (E23); imapflow's own limit is 1 GiB. */
  readonly maxLiteral: number;
  /** Milliseconds of silence after which the connection counts as dead. Above the pause between two renewals of IDLE. */
  readonly silence: number;
}

const connectTimeout = 30_000;
const signInTimeout = 60_000;

/**
 * Connect and sign in.
 * @throws what imapflow throws (for `imapError`), or BridgeError when TLS is not what was asked for.
 */
export async function openImap(login: ImapLogin, limits: ImapLimits, signal: AbortSignal): Promise<ImapFlow> {
  const { server } = login;
  signal.throwIfAborted();
  const client = new ImapFlow({
    host: server.host,
    port: server.port,
    secure: server.security === "tls",
    doSTARTTLS: server.security === "starttls",
    auth: { user: login.user, pass: login.password },
    // `lookup` reaches net.connect and tls.connect alike: only the checked addresses are tried (E25).
    tls: { ...tlsOptions(server), ...{ lookup: pinnedLookup(server.addresses) } },
    clientInfo: { name: "Viaduct", version: false, vendor: false, "support-url": false },
    logger: false,
    // zlib costs a few hundred kilobytes a connection; a thousand of these are to stay small.
    disableCompression: true,
    disableAutoIdle: true,
    connectionTimeout: connectTimeout,
    greetingTimeout: connectTimeout,
    socketTimeout: limits.silence,
    maxLineLength: 1_048_576,
    maxLiteralSize: limits.maxLiteral,
    maxResponseSize: limits.maxLiteral + 2_097_152,
  });
  // Before connect: an error without a listener would end the process. What failed is told by the command's promise.
  client.on("error", () => undefined);
  const abandon = (): void => client.close();
  signal.addEventListener("abort", abandon, { once: true });
  try {
    await within(connectTimeout + signInTimeout, client.connect(), abandon);
    if (server.security !== "none" && !client.secureConnection) {
      throw new BridgeError("retry", `${showEndpoint(server)} does not encrypt the connection (no STARTTLS).`);
    }
    return client;
  } catch (error) {
    client.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abandon);
  }
}

/** TLS for both protocols: certificate and name are checked unless the operator excepted the server (E26). */
export function tlsOptions(server: CheckedEndpoint): { rejectUnauthorized: boolean; minVersion: "TLSv1.2" } {
  return { rejectUnauthorized: !server.insecure, minVersion: "TLSv1.2" };
}
