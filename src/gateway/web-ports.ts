// What src/web and the core have for each other: files of messages, and pages of sign-ins.
import type { Answers, FileContent, FileRange, Prompt } from "#bridge";
import type { IncomingRow } from "./lane-ports.ts";

/** A message may name more files than this; only the first ones get a link. */
export const linkedFiles = 32;
/** Where the thumbnail of an attachment is kept: behind all attachments. */
export const thumbnailOf = (position: number): number => linkedFiles + position;

/** Links to the files of messages. Implemented in src/web, used by src/xmpp. */
export interface FileLinks {
  /**
   * The link to attachment `position` (from 0) of a message, which must have a `source`; undefined behind
   * `linkedFiles`. A row that is written again gets the same link.
   */
  link(row: Pick<IncomingRow, "key" | "createdAt">, position: number, name: string): string | undefined;
  /** The same to the thumbnail of that attachment. */
  thumbnail(row: Pick<IncomingRow, "key" | "createdAt">, position: number, name: string): string | undefined;
}

/** How src/web reads files. Implemented in files.ts. */
export interface FileReader {
  /**
   * Undefined: there is no such file (any more). Throws BridgeError: `retry` while the network cannot be reached,
   * `reject` when it does not have the file.
   */
  open(
    key: string,
    position: number,
    range: FileRange | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly content: FileContent } | undefined>;
}

/** What is behind the link of a sign-in, for one browser. `user` is the bare JID that the account will belong to. */
export type PageView = { readonly user: string } & (
  | { readonly hold: "free"; readonly title: string }
  | { readonly hold: "taken" }
  | { readonly hold: "yours"; readonly prompt: Prompt }
);

/**
 * How a sign-in went on. `page` is its link. `busy`: an answer from elsewhere is being worked on; the same may be tried again.
 */
export type PageStep = { readonly user: string; readonly page: string } & (
  | { readonly prompt: Prompt }
  | { readonly done: string }
  | { readonly failed: string }
  | { readonly busy: string }
);

/**
 * How src/web shows sign-ins. `browser` is a secret that only one browser has. Everything is undefined where there is no
 * such page (any more), or it is another browser's. Implemented in pages.ts.
 */
export interface SignInPages {
  look(token: string, browser: string | undefined): PageView | undefined;
  /** The user agreed: the page is this browser's from now on. False: too late. */
  claim(token: string, browser: string): boolean;
  answer(token: string, browser: string | undefined, answers: Answers): Promise<PageStep | undefined>;
  /** The network has sent the browser back, with this state and these parameters. */
  comeBack(state: string, browser: string | undefined, parameters: Answers): Promise<PageStep | undefined>;
}
