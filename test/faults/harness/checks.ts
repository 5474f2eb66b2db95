// The oracle: "nothing lost, nothing duplicated" as nine laws over three ledgers. Pure, so that it can be tested itself.
import type { ReceivedEntry, SentEntry } from "./ledger.ts";

export type Law = "L1" | "L2" | "L3" | "L4" | "L5" | "L6" | "L7" | "L8" | "L9";

export interface Finding {
  readonly law: Law;
  readonly text: string;
}

/** What the gateway's database holds after the run. */
export interface GatewayLedger {
  /** Rows that are not final. */
  readonly waiting: readonly string[];
  /** What `PRAGMA integrity_check` says. */
  readonly integrity: string;
  /** Outgoing messages that it took over and counts as delivered, by the peer's address: nobody else knows of them. */
  readonly delivered: ReadonlyMap<string, number>;
}

export interface Evidence {
  readonly sent: readonly SentEntry[];
  readonly received: readonly ReceivedEntry[];
  readonly gateway: GatewayLedger;
  /** Places of messages in their lanes where the sequence number is not the place; by marker. */
  readonly places?: ReadonlyMap<string, number>;
  /** Secrets and texts found where none may be: "the mail password in the log". */
  readonly leaks: readonly string[];
}

export interface Tolerance {
  /** Same-id repeats: the in-flight window times the number of faults (P3). */
  readonly repeats: number;
  /** Messages that were never answered and never arrived: in the socket at a fault (b.3, first row). */
  readonly unanswered: number;
  /**
   * Messages the driver was told are fine and that are gone all the same: only for a server of the lab that loses what
   * it has taken (ejabberd writes Mnesia's log some seconds late), never for the gateway.
   */
  readonly lostByServer?: number;
}

export interface Summary {
  readonly sent: number;
  readonly ok: number;
  readonly errors: number;
  readonly unanswered: number;
  readonly received: number;
  readonly repeats: number;
}

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly summary: Summary;
}

interface Message {
  readonly marker: string;
  readonly lane: string;
  readonly seq: number;
  readonly to: string;
  readonly ok: string[];
  readonly errors: string[];
  readonly received: ReceivedEntry[];
}

/** Judges a run. No findings: all laws hold. */
export function judge(evidence: Evidence, tolerance: Tolerance): Verdict {
  const messages = fold(evidence.sent);
  const findings: Finding[] = [];
  const find = (law: Law, text: string): void => void findings.push({ law, text });
  for (const entry of evidence.received) {
    const message = messages.get(entry.marker);
    if (message) message.received.push(entry);
    else find("L4", `${entry.marker} was received by ${entry.to} and never sent`);
  }
  let repeats = 0;
  let silent = 0;
  let lost = 0;
  for (const message of messages.values()) {
    const { marker, ok, errors, received } = message;
    const ids = new Set(received.map((entry) => entry.id));
    repeats += received.length - ids.size;
    const told = ok.length > 0 ? "ok" : errors.length > 0 ? "error" : "unknown";
    const twice = ids.size > 1 ? `${marker} was received under ${ids.size} ids: ${[...ids].join(", ")}` : undefined;
    if (told === "ok" && errors.length > 0) find("L1", `${marker} was confirmed (${ok[0]}) and refused (${errors[0]})`);
    if (told === "ok" && ids.size === 0 && ++lost > (tolerance.lostByServer ?? 0))
      find("L1", `${marker} was accepted (${ok[0]}) and is lost`);
    if (told === "error" && ids.size > 0) find("L2", `${marker} was refused (${errors[0]}) and received all the same`);
    if (twice !== undefined) find(told === "unknown" ? "L3" : "L1", twice);
    if (told === "unknown" && ids.size === 0) silent++;
    for (const entry of received) {
      if (!entry.intact) find("L5", `${marker} arrived with another text`);
      if (entry.to !== message.to) find("L7", `${marker} is for ${message.to} and went to ${entry.to}`);
    }
  }
  for (const text of unaccounted(messages.values(), evidence.gateway.delivered)) find("L1", text);
  if (repeats > tolerance.repeats)
    find("L3", `${repeats} repeats under the same id, ${tolerance.repeats} are the most that the faults explain`);
  if (silent > tolerance.unanswered)
    find("L3", `${silent} messages met silence, ${tolerance.unanswered} are the most that the faults explain`);
  for (const text of disorder(evidence.received, evidence.places)) find("L6", text);
  for (const row of evidence.gateway.waiting) find("L8", `not final: ${row}`);
  if (evidence.gateway.integrity !== "ok") find("L8", `integrity_check: ${evidence.gateway.integrity}`);
  for (const leak of evidence.leaks) find("L9", leak);
  const all = [...messages.values()];
  const summary = {
    sent: all.length,
    ok: all.filter((message) => message.ok.length > 0).length,
    errors: all.filter((message) => message.errors.length > 0).length,
    unanswered: silent,
    received: all.filter((message) => message.received.length > 0).length,
    repeats,
  };
  return { findings, summary };
}

function fold(entries: readonly SentEntry[]): Map<string, Message> {
  const messages = new Map<string, Message>();
  for (const entry of entries) {
    if (entry.kind === "sent") messages.set(entry.marker, { ...entry, ok: [], errors: [], received: [] });
    else messages.get(entry.marker)?.[entry.outcome === "ok" ? "ok" : "errors"].push(entry.detail);
  }
  return messages;
}

/** Whatever the sender was told: each row that ended as delivered is one message at the far end. */
function unaccounted(messages: Iterable<Message>, delivered: ReadonlyMap<string, number>): string[] {
  const arrived = new Map<string, number>();
  for (const { to, received } of messages) if (received.length > 0) arrived.set(to, (arrived.get(to) ?? 0) + 1);
  return [...delivered]
    .filter(([to, count]) => count !== (arrived.get(to) ?? 0))
    .map(
      ([to, count]) => `the gateway counts ${count} messages to ${to} as delivered, ${arrived.get(to) ?? 0} are there`,
    );
}

/** L6, by first arrival: a repeat of an earlier message may come at any time. */
function disorder(received: readonly ReceivedEntry[], places: ReadonlyMap<string, number> = new Map()): string[] {
  const placeOf = (entry: ReceivedEntry): number => places.get(entry.marker) ?? entry.seq;
  const seen = new Set<string>();
  const highest = new Map<string, ReceivedEntry>();
  const texts: string[] = [];
  for (const entry of received) {
    if (seen.has(entry.marker)) continue;
    seen.add(entry.marker);
    const before = highest.get(entry.lane);
    if (before !== undefined && placeOf(before) > placeOf(entry))
      texts.push(`${entry.marker} came after ${before.marker}`);
    else highest.set(entry.lane, entry);
  }
  return texts;
}

/** For a test's assertion: empty, or everything that is wrong and the figures of the run. */
export function report({ findings, summary }: Verdict): string {
  if (findings.length === 0) return "";
  const lines = findings.slice(0, 40).map(({ law, text }) => `${law} ${text}`);
  if (findings.length > lines.length) lines.push(`and ${findings.length - lines.length} more`);
  return [...lines, JSON.stringify(summary)].join("\n");
}
