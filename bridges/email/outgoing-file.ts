// A file that a user sends: in the mail where that can be done, else the link to it stays in the text (email.md 20).
import {
  BridgeError,
  type FetchedFile,
  fetchFile,
  type GuardedFetch,
  type Logger,
  type OutgoingMessage,
} from "#bridge";
import { createGate, type Gate } from "./gate.ts";
import { type Author, composeWithFile, type FrozenMail } from "./message-to-mime.ts";

export interface OutgoingFileDeps {
  readonly fetch: GuardedFetch;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Of a file; of a larger one the link goes. */
  readonly mostBytes: number;
  /** Of all accounts: each file is in memory several times while its mail is sent. */
  readonly gate: Gate;
}

/** Sends `mail`, which has the link, or the same mail with the file. One of an account at a time. */
export type SendWithFile = <T>(
  message: OutgoingMessage,
  mail: FrozenMail,
  send: (mail: FrozenMail) => Promise<T>,
) => Promise<T>;

export function createSendWithFile(author: Author, deps: OutgoingFileDeps): SendWithFile {
  const { fetch, signal, log, mostBytes } = deps;
  const ofAccount = createGate(1);

  const asLink = (error: unknown, { key }: OutgoingMessage): undefined => {
    signal.throwIfAborted();
    log.info({ err: error, key }, "a file goes out as a link");
  };
  const fetched = (message: OutgoingMessage): Promise<FetchedFile | undefined> =>
    message.file === undefined
      ? Promise.resolve(undefined)
      : fetchFile(message.file, { fetch, signal, most: mostBytes }).catch((error: unknown) => asLink(error, message));

  return (message, mail, send) => {
    if (message.file === undefined) return send(mail);
    return ofAccount(() =>
      deps.gate(async () => {
        const file = await fetched(message);
        if (file === undefined) return send(mail);
        try {
          return await send(await composeWithFile(message, author, mail, file));
        } catch (error) {
          if (!isTooBig(error)) throw error;
          asLink(error, message);
          return send(mail);
        }
      }),
    );
  };
}

/** What errors.ts makes of a mail that is larger than a server takes: 552, x.2.3, x.3.4, or SIZE of EHLO. */
const isTooBig = (error: unknown): boolean => error instanceof BridgeError && error.condition === "policy-violation";
