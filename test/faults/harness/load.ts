// The drivers. A lane is one conversation in one direction, with numbered messages.
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { messageXml } from "../../kit/xmpp-client.ts";
import type { Ledger, SentEntry } from "./ledger.ts";
import { composeMarked, type Marker } from "./marker.ts";
import type { Conversation, Direction, Mode } from "./network.ts";
import type { World } from "./world.ts";

export interface Lane extends Conversation {
  readonly name: string;
  /** Address or bare JID at the far end. */
  readonly to: string;
  /** Resolves when both sides can write; `send` waits for it. */
  readonly met: Promise<void>;
  /** Sends the next message and resolves with its marker when the driver has done its part. */
  send(): Promise<Marker>;
}

export interface LaneContext {
  readonly world: Pick<World, "alice" | "dora" | "network">;
  readonly run: string;
  readonly ledger: Ledger<SentEntry>;
}

/** "oa3": out, account mode. */
const nameOf = (direction: Direction, mode: Mode, index: number): string => `${direction[0]}${mode[0]}${index}`;

export function createLane(context: LaneContext, direction: Direction, mode: Mode, index: number): Lane {
  const { world, run, ledger } = context;
  const { network, alice, dora } = world;
  const name = nameOf(direction, mode, index);
  const person = mode === "account" || mode === "room" ? alice : dora;
  const conversation: Conversation = { run, direction, mode, peer: network.peerOf(run, name), person };
  const to = direction === "out" ? conversation.peer : person.bareJid;
  let seq = 0;
  const saw = (marker: Marker, outcome: "ok" | "error", detail: string): void =>
    ledger.write({ kind: "saw", marker: marker.text, outcome, detail, at: Date.now() });
  const met = network.meet(conversation);
  met.catch(() => undefined); // told by `send`

  const send = async (): Promise<Marker> => {
    await met;
    const { marker, text } = composeMarked(run, name, ++seq);
    ledger.write({ kind: "sent", marker: marker.text, lane: name, seq: marker.seq, to, at: Date.now() });
    if (direction === "out") {
      // What became of it is told later, by receipt, reflection or error: see scenario.ts.
      const xml = chatXml(network.jidOf(conversation), mode, marker, text);
      if (!person.send(xml)) saw(marker, "error", "not connected: never written");
      return marker;
    }
    const answer = await network.say(conversation, marker, text);
    if (answer !== undefined) saw(marker, answer.outcome, answer.detail);
    return marker;
  };
  return { ...conversation, name, to, met, send };
}

function chatXml(to: string, mode: Mode, { text: id }: Marker, body: string): string {
  if (mode === "room") return messageXml({ to, id, body, type: "groupchat" });
  // XEP-0184: the receipt is what tells the sender that the network has the message.
  return messageXml({ to, id, body, extra: '<request xmlns="urn:xmpp:receipts"/>' });
}

export interface Pace {
  /** Between two messages of a lane; a fifth more or less. */
  readonly gapMs: number;
  /** Resolves when the next one may be sent: the outcome of the last, or when patience ends. */
  readonly ready: (lane: Lane, last: Marker | undefined) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Sends on a lane until the signal. Resolves when nothing is under way any more. */
export async function drive(lane: Lane, { gapMs, ready, signal }: Pace): Promise<void> {
  let last: Marker | undefined;
  while (!signal.aborted) {
    await ready(lane, last);
    if (signal.aborted) return;
    last = await lane.send();
    const gap = gapMs * (0.8 + randomInt(400) / 1000);
    await sleep(gap, undefined, { signal }).catch(() => {});
  }
}
