// XEP-0114: whether the server takes us, asked once by a stream that is closed again at once.
import type { Clock } from "../gateway/ports.ts";
import { defaultLinkLimits, explain } from "./link-options.ts";
import { ComponentStream, type StreamEnd } from "./stream.ts";

export interface ComponentTrial {
  /** The component's domain. */
  readonly jid: string;
  readonly secret: string;
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
}

/** Milliseconds for the server to close its side as well. */
const farewell = 1000;

/**
 * Resolves with undefined when the server accepts the handshake, else with one sentence for the operator. Not to be asked
 * while the gateway runs: a server may end its stream for this one.
 */
export async function tryComponent(trial: ComponentTrial): Promise<string | undefined> {
  let accepted = false;
  const end = await new Promise<StreamEnd>((resolve) => {
    const ignored = (): void => undefined;
    const stream = new ComponentStream({
      ...trial,
      limits: { ...defaultLinkLimits, stepTimeoutMs: 5_000 },
      onOpen: () => {
        accepted = true;
        stream.close(farewell);
      },
      onStanza: ignored,
      onTooDeep: ignored,
      onInput: ignored,
      onDrain: ignored,
      onEnd: resolve,
    });
    stream.begin();
  });
  if (accepted) return undefined;
  if (end.reason !== "network") return explain(end, trial.jid);
  const place = `${trial.host}:${trial.port}`;
  return `no XMPP server accepts ${trial.jid} at ${place} (${end.detail}): start it, or set xmpp.server to its component port`;
}
