// Rows of lanes, and what is remembered of messages. Account 1 and bob, unless the test says otherwise.
import type { IncomingAttachment } from "#bridge";
import type {
  Delivery,
  IncomingBody,
  LaneRow,
  MessageRecord,
  NewRow,
  OutgoingBody,
} from "../../src/gateway/lane-ports.ts";

type Outgoing = Extract<NewRow, { direction: "outgoing" }>;
type Incoming = Extract<NewRow, { direction: "incoming" }>;

export interface RowOptions {
  readonly account?: number;
  readonly peer?: string;
  readonly key?: string;
}

/** Where receipts and errors of outgoing rows go. */
export const alice = { id: "id-1", from: "alice@localhost/phone" };

let keys = 0;
/** 26 characters, as a row key has. */
const freshKey = (): string => (++keys).toString(32).padStart(26, "0");
const place = ({ account = 1, peer = "contact/bob", key = freshKey() }: RowOptions) => ({ account, peer, key });

/** On its way from alice's client to a network: a message with this text, or whatever the body says. */
export const outgoing = (what: string | Partial<OutgoingBody>, options: RowOptions = {}): Outgoing => ({
  direction: "outgoing",
  ...place(options),
  body: { kind: "message", origin: alice, ...(typeof what === "string" ? { text: what } : what) },
});

/** On its way to a user: a message with this text, or whatever the body is. */
export const incoming = (what: string | IncomingBody, options: RowOptions = {}): Incoming => ({
  direction: "incoming",
  ...place(options),
  body:
    typeof what === "string"
      ? { kind: "message", message: { id: `remote-${what}`, from: "bob", sentAt: 0, text: what } }
      : what,
});

/** A message with these files on its way to a user. */
export const incomingFiles = (attachments: readonly IncomingAttachment[], options: RowOptions = {}): Incoming =>
  incoming({ kind: "message", message: { id: "remote", from: "bob", sentAt: 0, text: "look", attachments } }, options);

/** As it is once the lanes have it. */
export const loaded = <R extends NewRow>(row: R): LaneRow<R> => ({
  ...row,
  id: 1,
  createdAt: 0,
  notBefore: 0,
  attempts: 0,
  state: "queued",
});

/** What is remembered of a message from bob. */
export const recordOf = (remoteId: string, more: Partial<MessageRecord> = {}): MessageRecord => ({
  account: 1,
  kind: "message",
  remoteId,
  digest: "",
  xmppId: `x-${remoteId}`,
  peer: "contact/bob",
  fromSelf: false,
  sentAt: 0,
  thread: undefined,
  context: undefined,
  sender: undefined,
  ...more,
});

/** Stored bytes to commit, as the core makes them: the row's key follows from account and id, and stands in the record. */
export const original = (
  id: string,
  { account = 1, raw = Buffer.from("raw") }: { readonly account?: number; readonly raw?: Buffer } = {},
): Delivery => {
  const key = `${account}-${id}`.padEnd(26, "0");
  return {
    row: { direction: "intake", account, peer: "intake", key, body: { kind: "original", id, about: null, sentAt: 0 } },
    record: recordOf(id, { account, kind: "original", peer: "intake", xmppId: key }),
    raw,
  };
};
