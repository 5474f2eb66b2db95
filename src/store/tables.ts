// The tables as kysely sees them. Booleans are 0 and 1, times are milliseconds since the epoch, JSON is text.
import type { Generated } from "kysely";

export interface Tables {
  accounts: {
    id: Generated<number>;
    user: string;
    bridge: string;
    mode: string;
    self: string;
    /** Sealed, see secrets.ts. */
    credentials: Uint8Array | null;
    cursor: string | null;
    created_at: number;
  };
  contacts: {
    account: number;
    remote_id: string;
    name: string | null;
    subscribed: number;
    introduced: number;
    /** The user gave the name. */
    named: number;
    /** Empty: there was one, and it was taken away. */
    avatar: string | null;
  };
  lane_rows: {
    id: number;
    key: string;
    account: number;
    direction: number;
    peer: string;
    state: number;
    body: string;
    prepared: string | null;
    error: string | null;
    created_at: number;
    not_before: number;
    attempts: number;
  };
  row_numbers: {
    /** No higher number was given. */
    given: number;
  };
  originals: {
    row_id: number;
    account: number;
    raw: Uint8Array;
    created_at: number;
  };
  message_ids: {
    id: Generated<number>;
    account: number;
    kind: string;
    remote_id: string;
    digest: string;
    xmpp_id: string;
    peer: string;
    from_self: number;
    sent_at: number;
    thread: string | null;
    context: string | null;
    sender: string | null;
    /** The intake row whose bytes this message was made of. */
    original: number | null;
    seen_at: number;
    /** See xmpp-ids.ts. */
    slice: number;
  };
  /** The newest of `message_ids` in each conversation. */
  conversations: {
    account: number;
    peer: string;
    last_message: number;
    /** The newest that came with stored bytes. */
    last_original: number | null;
  };
  reactions: {
    account: number;
    remote_id: string;
    peer: string;
    target: string;
    /** RemoteId, or "self". */
    sender: string;
    emoji: string;
    seen_at: number;
  };
  records: {
    /** 0 for a service's. */
    account: number;
    /** The bridge's name for a service's records, else "". */
    service: string;
    key: string;
    /** Sealed, see secrets.ts. */
    value: Uint8Array;
  };
  /** Files of messages that a link may lead to. */
  files: {
    /** The key of the message's row. */
    key: string;
    /** Which of the message's attachments. */
    position: number;
    account: number;
    name: string;
    /** What the bridge reads it with, sealed: it may hold a decryption key. */
    source: Uint8Array;
    expires_at: number;
    /** The intake row whose bytes hold it; NULL: it lies on the network. */
    original: number | null;
  };
  rooms: {
    account: number;
    id: string;
    name: string | null;
    topic: string | null;
    topic_by: string | null;
    topic_at: number | null;
    access: string;
    members: number | null;
    self: string;
    invited_by: string | null;
    /** As in `contacts`. */
    avatar: string | null;
  };
  /** Local parts of rooms, and of contacts for whose id the bridge has none. */
  room_names: {
    account: number;
    local: string;
    /** "contact" or "room". */
    kind: string;
    remote_id: string;
  };
  participants: {
    account: number;
    room: string;
    id: string;
    nick: string;
    skeleton: string;
    name: string | null;
    rank: string;
    state: string;
    listed: number;
    active_at: number;
    /** As in `contacts`. */
    avatar: string | null;
  };
  /** Avatars that were read. */
  avatars: {
    account: number;
    id: string;
    /** SHA-1 of the bytes in hexadecimal; both null: there is nothing to show. */
    hash: string | null;
    bytes: Uint8Array | null;
    size: number;
    read_at: number;
  };
  occupants: {
    account: number;
    room: string;
    client: string;
    /** A lane row's id. */
    since: number;
  };
  archive: {
    seq: Generated<number>;
    account: number;
    room: string;
    /** Stanza id. */
    id: string;
    xmpp_id: string;
    /** RemoteId, or "self". */
    sender: string;
    nick: string;
    /** As the network says. */
    sent_at: number;
    kept_at: number;
    body: string;
  };
}

/** Stored as small integers; the order is part of the file format. */
export const directions = ["outgoing", "incoming", "intake"] as const;
export const states = ["queued", "sent", "done", "failed"] as const;

/** Nothing more happens to such a row. */
export const isFinal = (state: (typeof states)[number]): boolean => state === "done" || state === "failed";
