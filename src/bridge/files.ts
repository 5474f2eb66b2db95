// Files, as they come and as they go.

/** Bytes `start` to `end`, both counted from 0 and included (RFC 9110 section 14.1.2). */
export interface FileRange {
  readonly start: number;
  readonly end: number | undefined;
}

/** An open file. The reader cancels `body` when it does not want the rest. */
export interface FileContent {
  readonly type: string;
  /** Of the whole file, in bytes; absent when unknown. */
  readonly size?: number;
  /** What `body` holds when not the whole file: the bridge may ignore a wanted range. */
  readonly range?: { readonly start: number; readonly end: number };
  readonly body: ReadableStream<Uint8Array>;
}

/** A file that lay in bytes which the core keeps. */
export interface StoredFile {
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** A file that the user sent: a link that their client gave (XEP-0066, XEP-0447). Read it with `host.fetch`. */
export interface OutgoingFile {
  readonly url: string;
  readonly name?: string;
  readonly type?: string;
  /** In bytes, as the sender's client says. */
  readonly size?: number;
  /** Pixels, as the sender's client says. */
  readonly width?: number;
  readonly height?: number;
  /** Milliseconds of sound or film, as the sender's client says. */
  readonly duration?: number;
  /** As of IncomingAttachment. */
  readonly blurhash?: string;
}

/** The same once it is here. */
export interface FetchedFile {
  /** Empty when nobody says one. */
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer<ArrayBuffer>;
}
