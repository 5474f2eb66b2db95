// What the tests of the core share: a log that remembers, an output that remembers, and a wait on the test's clock.
import type { Logger, UserProfile } from "#bridge";
import type { DeliveryLookups } from "../../src/gateway/deliveries.ts";
import type { OutputItem, PresenceOut, XmppOutput } from "../../src/gateway/xmpp-ports.ts";
import { settle, type TestClock } from "../kit/clock.ts";

export interface Line {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: object;
}

/** For workers in conversations with contacts. */
export const noRooms = {
  view: async () => undefined,
  reflection: () => undefined,
  stanzaIdOf: async () => undefined,
};
export const noRoomLookups: Pick<DeliveryLookups, "inRoom" | "inGroupChat" | "fromContact"> = {
  inRoom: (_, __, delivery) => delivery,
  inGroupChat: (_, __, delivery) => delivery,
  fromContact: (_, __, delivery) => delivery,
};

export function createLog(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: Line["level"]) => (fields: object, message: string) => void lines.push({ level, message, fields });
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The edge as the core sees it: everything the core wanted of it, and a link that the test switches. */
export class RecordingOutput implements XmppOutput {
  up = true;
  /** How many rows still fit into the window. */
  room = 1_000;
  /** Set: `write` throws it for rows whose text it names. */
  unwritable: string | undefined;
  readonly items: OutputItem[] = [];
  readonly calls: string[] = [];

  get writable(): boolean {
    return this.up && this.room > 0;
  }
  write(item: OutputItem): void {
    if (!this.up) throw new Error("the link is down");
    if (this.unwritable !== undefined && textOf(item) === this.unwritable) throw new Error("this cannot be written");
    this.room--;
    this.items.push(item);
  }
  async introduce(user: string, contact: string | undefined, name: string | undefined): Promise<void> {
    this.calls.push(`introduce ${contact ?? "gateway"} (${name ?? ""}) to ${user}`);
  }
  async addToRoster(user: string, contact: string, name: string | undefined): Promise<void> {
    this.calls.push(`roster ${contact} (${name ?? ""}) of ${user}`);
  }
  async rename(user: string, contact: string, was: string | undefined, name: string): Promise<void> {
    this.calls.push(`rename ${contact} from ${was ?? "nothing"} to ${name} for ${user}`);
  }
  async profileOf(): Promise<UserProfile> {
    return {};
  }
  presence(user: string, contact: string | undefined, { available, show, status, name, picture }: PresenceOut): void {
    const shown = picture === undefined ? undefined : picture === "" ? "no picture" : `picture ${picture.slice(0, 6)}`;
    const words = [available ? (show ?? "online") : "offline", status, name, shown].filter(Boolean).join(" ");
    this.calls.push(`presence ${contact ?? "gateway"} to ${user}: ${words}`);
  }
  typing(user: string, contact: string, active: boolean): void {
    this.calls.push(`${contact} ${active ? "types" : "stopped typing"} to ${user}`);
  }
  subscription(user: string, contact: string | undefined, type: string): void {
    this.calls.push(`${type} ${contact ?? "gateway"} to ${user}`);
  }
  fits(local: string): boolean {
    return /^[^A-Z\s]+$/.test(local);
  }
  roomAddress(local: string): string {
    return `${local}@toy.localhost`;
  }
  async bookmark(user: string, local: string, name: string | undefined, nick: string): Promise<boolean> {
    this.calls.push(`bookmark ${local} (${name ?? ""}) as ${nick} of ${user}`);
    return true;
  }
  async unbookmark(user: string, local: string): Promise<void> {
    this.calls.push(`no bookmark ${local} of ${user}`);
  }
  roomGone(local: string, nick: string, clients: readonly string[]): void {
    this.calls.push(`${clients.join(" ")} out of ${local} as ${nick}`);
  }
  roomTyping(local: string, nick: string, clients: readonly string[], active: boolean): void {
    this.calls.push(`${nick} ${active ? "types" : "stops"} in ${local} for ${clients.join(" ")}`);
  }
  tell(user: string, text: string): void {
    this.calls.push(`tell ${user}: ${text}`);
  }
  /** What was written, as texts. */
  get texts(): string[] {
    return this.items.map(textOf);
  }
}

/** The words of an item, whatever its kind is. */
export function textOf({ row: { body }, emojis }: OutputItem): string {
  switch (body.kind) {
    case "message":
      return body.message.text;
    case "notice":
      return body.text;
    case "edit":
      return `${body.target} is now: ${body.text}`;
    case "retraction":
      return `${body.target} is gone`;
    case "reaction":
      return `${body.from} has ${emojis?.join(" ")} on ${body.target}`;
    case "failed":
      return `error ${body.condition} for ${body.origin.id}: ${body.text}`;
    case "delivered":
    case "read":
      return `${body.kind} ${body.origin.id}`;
    case "profile":
      return "profile";
    case "displayed":
      return `the user has read ${body.target}`;
    case "room":
      return `room: ${body.event.do}`;
    case "groupchat":
      return `${body.from} does ${body.act.do}`;
    default:
      return body satisfies never;
  }
}

/** Lets the event loop turn, without any time passing on the test's clock, until `look` finds what it looks for. */
export async function eventually(what: string, look: () => unknown): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (await look()) return;
    await settle(1);
  }
  throw new Error(`this did not happen: ${what}`);
}

/** Moves the clock in steps until `look` finds what it looks for. Returns the milliseconds that passed. */
export async function within(clock: TestClock, ms: number, what: string, look: () => unknown): Promise<number> {
  const started = clock.now();
  for (const end = started + ms; !(await look()); ) {
    if (clock.now() >= end) throw new Error(`this did not happen within ${ms} ms: ${what}`);
    await clock.advance(Math.min(100, end - clock.now()));
  }
  return clock.now() - started;
}
