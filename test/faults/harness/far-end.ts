// Where mail ends up: the Maildirs of the recipients, in the order in which Postfix took the mails over.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import PostalMime from "postal-mime";
import type { FakeSmtp } from "../../kit/fake-smtp.ts";
import type { Dovecot } from "../../lab/dovecot.ts";
import type { Postfix } from "../../lab/postfix.ts";
import type { ReceivedEntry } from "./ledger.ts";
import { readMarked } from "./marker.ts";

export interface FarEnd {
  /** What has arrived for these mailboxes so far. */
  collect(users: readonly string[]): Promise<readonly ReceivedEntry[]>;
  /** The same in the order of arrival. */
  inOrder(users: readonly string[]): Promise<readonly ReceivedEntry[]>;
  /** Markers of mails that came back to these senders as undeliverable. */
  bounced(users: readonly string[]): Promise<readonly string[]>;
}

export function maildirs(dovecot: Dovecot, postfix: Postfix): FarEnd {
  const read = new Map<string, ReceivedEntry | undefined>();
  const files = async (user: string): Promise<string[]> => {
    const lists = await Promise.all(
      ["new", "cur"].map(async (folder) => {
        const path = join(dovecot.maildir(user), folder);
        return (await readdir(path).catch(() => [])).map((name) => join(path, name));
      }),
    );
    return lists.flat();
  };
  const collect = async (users: readonly string[]): Promise<ReceivedEntry[]> => {
    for (const user of users) {
      for (const file of await files(user)) if (!read.has(file)) read.set(file, await readMail(file, user));
    }
    return [...read.values()].filter((entry) => entry !== undefined && users.includes(entry.to)) as ReceivedEntry[];
  };
  return {
    collect,
    async inOrder(users) {
      // Postfix may still be at the second copy of something, or have a mail for us whose 250 it never got; and its log is
      // written a moment later.
      for (let wait = 0; wait < 200; wait++) {
        const waiting = await queued(postfix);
        const order = submissionOrder(await postfix.logText());
        const found = await collect(users);
        if (waiting === 0 && found.every((entry) => order.has(entry.id)))
          return found.toSorted((one, other) => (order.get(one.id) ?? 0) - (order.get(other.id) ?? 0));
        if (wait % 10 === 9) await postfix.flushQueue();
        await sleep(50);
      }
      throw new Error("Postfix still has mails in its queue after 10 s, or delivered some that are not in its log");
    },
    async bounced(users) {
      const markers: string[] = [];
      for (const user of users) {
        for (const file of await files(user)) {
          const marked = readMarked(await readFile(file, "utf8"));
          if (marked) markers.push(marked.text);
        }
      }
      return markers;
    },
  };
}

async function readMail(file: string, user: string): Promise<ReceivedEntry | undefined> {
  const mail = await PostalMime.parse(await readFile(file));
  return entryOf(mail.text ?? "", mail.messageId ?? "", user);
}

/** Undefined: not one of ours. */
export function entryOf(text: string, id: string, to: string): ReceivedEntry | undefined {
  const marked = readMarked(text);
  if (marked === undefined) return undefined;
  const { text: marker, lane, seq, intact } = marked;
  return { marker, lane, seq, intact, id, to, at: Date.now() };
}

/**
 * The order in which a mailbox got its mails, as Dovecot numbered them: two deliveries of one lane may change places
 * before a UID is given, and then the later one is the earlier one for everybody. By marker.
 */
export async function uidOrder(dovecot: Dovecot, user: string): Promise<Map<string, number>> {
  const folder = dovecot.maildir(user);
  const list = await readFile(join(folder, "dovecot-uidlist"), "utf8").catch(() => "");
  const uids = new Map([...list.matchAll(/^(\d+) .*?:(\S+)$/gm)].map(([, uid, name = ""]) => [name, Number(uid)]));
  const order = new Map<string, number>();
  for (const part of ["new", "cur"]) {
    for (const name of await readdir(join(folder, part)).catch(() => [])) {
      const uid = uids.get(name.replace(/:.*$/, ""));
      const marker = /^Message-ID: <([^@>]*)@/m.exec(await readFile(join(folder, part, name), "latin1"))?.[1];
      if (uid !== undefined && marker !== undefined) order.set(marker, uid);
    }
  }
  return order;
}

/** Postfix logs a line for each mail it takes, before it says 250; deliveries after that run side by side. */
function submissionOrder(log: string): ReadonlyMap<string, number> {
  const order = new Map<string, number>();
  for (const [, id = ""] of log.matchAll(/ message-id=(<[^>]*>)/g)) if (!order.has(id)) order.set(id, order.size);
  return order;
}

/** Mails that Postfix has not finished with. */
async function queued(postfix: Postfix): Promise<number> {
  const folders = ["incoming", "active", "deferred"].map((name) => join(postfix.dir, "queue", name));
  const lists = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })));
  return lists.flat().filter((entry) => entry.isFile()).length;
}

/** The scripted SMTP server as the end: every mail that may have been taken. `refused` are those it said no to. */
export function scriptedEnd(smtp: FakeSmtp, refused: (index: number) => boolean = () => false): FarEnd {
  const collect = async (users: readonly string[]): Promise<ReceivedEntry[]> => {
    const entries = await Promise.all(
      smtp.mails.map(async (mail, index) => {
        if (refused(index)) return undefined;
        const parsed = await PostalMime.parse(mail.raw);
        return entryOf(parsed.text ?? "", mail.messageId, mail.to[0] ?? "");
      }),
    );
    return entries.filter((entry) => entry !== undefined && users.includes(entry.to)) as ReceivedEntry[];
  };
  return { collect, inOrder: collect, bounced: async () => [] };
}
