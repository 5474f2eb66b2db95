// The drivers. A lane is one conversation in one direction, with numbered messages.
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { messageXml } from "../../kit/xmpp-client.ts";
import { MailRefused, sendMail } from "../../kit/mail-client.ts";
import type { Ledger, SentEntry } from "./ledger.ts";
import { composeMarked, type Marker } from "./marker.ts";
import type { Person } from "./person.ts";
import { mailDomain, type World } from "./world.ts";

export type Direction = "out" | "in";
/** "lmtp": domain mode without Postfix, the driver itself speaks LMTP to the gateway. For mail in only. */
export type Mode = "account" | "domain" | "lmtp";

export interface Lane {
  readonly name: string;
  readonly direction: Direction;
  readonly mode: Mode;
  /** Mailbox or bare JID at the far end. */
  readonly to: string;
  /** The mail address on the network's side of the conversation. */
  readonly peer: string;
  /** Sends the next message and resolves with its marker when the driver has done its part. */
  send(): Promise<Marker>;
}

export interface LaneContext {
  readonly world: World;
  readonly run: string;
  readonly ledger: Ledger<SentEntry>;
}

const letters: Readonly<Record<Direction, Record<Mode, string>>> = {
  out: { account: "oa", domain: "od", lmtp: "ol" },
  in: { account: "ia", domain: "id", lmtp: "il" },
};

export function createLane(context: LaneContext, direction: Direction, mode: Mode, index: number): Lane {
  const name = `${letters[direction][mode]}${index}`;
  const peer = `${context.run}-${name}@example.test`;
  const person = mode === "account" ? context.world.alice : context.world.dora;
  let seq = 0;
  const next = () => composeMarked(context.run, name, ++seq);
  const to = direction === "out" ? peer : person.bareJid;
  const note = (marker: Marker): void =>
    context.ledger.write({ kind: "sent", marker: marker.text, lane: name, seq: marker.seq, to, at: Date.now() });
  const saw = (marker: Marker, outcome: "ok" | "error", detail: string): void =>
    context.ledger.write({ kind: "saw", marker: marker.text, outcome, detail, at: Date.now() });

  const send = async (): Promise<Marker> => {
    const { marker, text } = next();
    note(marker);
    if (direction === "out") {
      // What became of it is told later, by receipt or error: see scenario.ts.
      if (!writeChat(person, peer, marker, text)) saw(marker, "error", "not connected: never written");
      return marker;
    }
    try {
      const { reply } = await sendMail(incoming(context.world, mode, peer, marker, text));
      saw(marker, "ok", `${reply.code} ${reply.text}`);
    } catch (error) {
      // Refused is an answer; a broken connection is none.
      if (error instanceof MailRefused) saw(marker, "error", error.message);
    }
    return marker;
  };
  return { name, direction, mode, to, peer, send };
}

/** XEP-0184: the receipt is what tells the sender that the network has the message. */
function writeChat(person: Person, peer: string, marker: Marker, text: string): boolean {
  const to = `${peer.replace("@", "\\40")}@email.localhost`;
  const extra = '<request xmlns="urn:xmpp:receipts"/>';
  return person.send(messageXml({ to, id: marker.text, body: text, extra }));
}

/**
 * A mail from `peer`. Account mode: straight into Dovecot, so that the UIDs have the order of the lane. Domain mode: to
 * Postfix, which hands it to the gateway and keeps it until the gateway has said 250.
 */
function incoming({ dovecot, postfix, ports }: World, mode: Mode, peer: string, marker: Marker, text: string) {
  const to = mode === "account" ? "alice@example.test" : `dora@${mailDomain}`;
  const port = { account: dovecot?.lmtpPort, domain: postfix?.smtpPort, lmtp: ports.lmtp }[mode];
  if (port === undefined) throw new Error("this world has no mail servers");
  return { port, from: peer, to, lmtp: mode !== "domain", raw: mailText(peer, to, marker, text), timeoutMs: 10_000 };
}

/** As another mail program would write it: 8bit for every second message, base64 for the others. */
export function mailText(from: string, to: string, marker: Marker, text: string): Buffer {
  const eight = marker.seq % 2 === 0;
  const body = text.replace(/\r?\n/g, "\r\n");
  return Buffer.from(
    [
      `From: ${from}`,
      `To: ${to}`,
      `Subject: ${marker.text.slice(0, -9)}`,
      `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
      `Message-ID: <${marker.text}@example.test>`,
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      `Content-Transfer-Encoding: ${eight ? "8bit" : "base64"}`,
      "",
      eight ? body : Buffer.from(body).toString("base64").replace(/.{76}/g, "$&\r\n"),
      "",
    ].join("\r\n"),
  );
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
