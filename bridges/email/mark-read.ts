// email.md 27: what the user has seen in a chat becomes \Seen in the mailbox, and only that.
import type { ImapFlow } from "imapflow";
import type { MessageRef, Peer } from "#bridge";
import { sameAddress } from "./addressing.ts";
import { command, type ReadLimits, searchUids } from "./incoming.ts";

export interface MarkReadDeps {
  readonly limits: ReadLimits;
  /** Sign-in time: what reached the mailbox before was never shown (ms). */
  readonly since: number;
}

const day = 24 * 3600 * 1000;
/** Of one sender, at one time: the newest ones. */
const mostAtOnce = 200;

/**
 * Mark the mail `target`, and the mails of the same sender before it, which its chat showed too. INBOX is selected; a
 * mail that was moved away is left alone.
 */
export async function markSeen(client: ImapFlow, target: MessageRef, peer: Peer, deps: MarkReadDeps): Promise<void> {
  await command(client, deps, client.mailboxOpen("INBOX"));
  // SINCE counts whole days in the server's time zone, and Date headers lie: a wide window keeps the search cheap.
  const since = new Date(Math.max(0, Math.min(target.sentAt, deps.since) - day));
  const [uid] = await searchUids(client, { header: { "message-id": target.id }, since }, deps);
  if (uid === undefined) return;
  const candidates = await searchUids(client, { seen: false, from: peer.id, uid: `1:${uid}`, since }, deps);
  const recent = candidates.slice(-mostAtOnce);
  const shown = [uid];
  if (recent.length > 0) {
    const query = { uid: true, envelope: true, internalDate: true };
    const rows = await command(client, deps, client.fetchAll(recent.join(","), query, { uid: true }));
    for (const row of rows) {
      // FROM searches for a part of the header: "ann@example.org" is in "joann@example.org" as well.
      const sender = row.envelope?.from?.[0]?.address ?? "";
      const arrived = new Date(row.internalDate ?? 0).getTime();
      if (sameAddress(sender, peer.id) && arrived >= deps.since - 1000) shown.push(row.uid);
    }
  }
  await command(client, deps, client.messageFlagsAdd([...new Set(shown)].join(","), ["\\Seen"], { uid: true }));
}
