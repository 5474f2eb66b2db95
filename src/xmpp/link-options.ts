// What a link is told, and what it tells.
import type { Logger } from "#bridge";
import type { Clock } from "../gateway/ports.ts";
import type { Element } from "./stanza.ts";
import type { StreamEnd } from "./stream.ts";

export type LinkState = "down" | "connecting" | "probing" | "up";

/** The link is not up: nothing was written. */
export class LinkDownError extends Error {
  override readonly name = "LinkDownError";
}

export interface LinkLimits {
  /** Stanza handlers that may be pending before the link stops reading its socket. */
  readonly maxInFlight: number;
  /** The longest stanza taken, in UTF-16 units; a longer one ends the stream. */
  readonly maxStanzaSize: number;
  /** The deepest stanza taken; a deeper one is answered with not-acceptable. */
  readonly maxDepth: number;
  /** Above so much waiting output `writable` is false. */
  readonly maxBuffered: number;
  /** For each of: TCP connection, stream header, handshake. */
  readonly stepTimeoutMs: number;
  /** Silence before a ping. */
  readonly idleMs: number;
  /** Silence while an answer is owed before the stream is given up. */
  readonly deadMs: number;
  /** For the answer to a ping while other things come. */
  readonly answerMs: number;
  /** Messages to ourselves that must all return. With two streams on one component one of 2^8 proofs is wrong. 0: off. */
  readonly probeCount: number;
  readonly probeTimeoutMs: number;
  readonly probeEveryMs: number;
  /** So long up before the backoff begins again with its base. */
  readonly stableMs: number;
  /** Between attempts while the server refuses our secret. */
  readonly badSecretRetryMs: number;
}

export const defaultLinkLimits: LinkLimits = {
  maxInFlight: 500,
  maxStanzaSize: 1_048_576,
  maxDepth: 64,
  maxBuffered: 1_048_576,
  stepTimeoutMs: 10_000,
  idleMs: 30_000,
  deadMs: 15_000,
  answerMs: 120_000,
  probeCount: 8,
  probeTimeoutMs: 5000,
  probeEveryMs: 300_000,
  stableMs: 60_000,
  badSecretRetryMs: 60_000,
};

export interface LinkOptions {
  /** The component's domain. */
  readonly jid: string;
  readonly secret: string;
  readonly host: string;
  readonly port: number;
  /** Whom to ping. Default: the component's domain without its first label. */
  readonly serverDomain?: string;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Called in order for every message, presence and iq get/set; answers to requests go to `iq` instead. A promise
   * counts as in flight until it settles. Errors end here, in the log: answer them before.
   */
  readonly onStanza: (stanza: Element) => void | Promise<void>;
  readonly onState?: (state: LinkState, detail?: string) => void;
  /** Another process seems to be connected as this component (X33): one sentence for the operator. */
  readonly onAlarm?: (text: string) => void;
  readonly limits?: Partial<LinkLimits>;
  /** For the jitter of the backoff. */
  readonly random?: () => number;
}

/** The alarm for messages to ourselves that did not come back. */
export const splitText = (returned: number, count: number): string =>
  `only ${returned} of ${count} messages to ourselves came back: another stream of this component is open at the server`;

/** What the operator should do, where we know it. */
export function explain(end: StreamEnd, jid: string): string {
  switch (end.condition) {
    case "not-authorized":
      return `the XMPP server refused the component secret for ${jid}: the server's configuration and ours must hold the same one (ejabberd says this also of a component that it does not have)`;
    case "host-unknown":
      return `the XMPP server knows no component ${jid}: add it to the server's configuration`;
    case "conflict":
      return `the XMPP server holds another stream of ${jid}: a second Viaduct, or an old connection it has not given up yet`;
    default:
      return end.detail;
  }
}
