// What one of the network's people says in a group chat, with everything looked up that the stanza needs.
import type { GroupChatItem } from "./group-chat-ports.ts";
import { shownName } from "./group-chat-rows.ts";
import type { IncomingBody, IncomingRow } from "./lane-ports.ts";
import type { Store } from "./ports.ts";
import type { Saying } from "./room-ports.ts";

export type ChatRow = IncomingRow & { readonly body: Extract<IncomingBody, { kind: "groupchat" }> };

/** The chat calls messages by its own ids: what it has not shown yet has none, but that is said before this. */
export async function itemOf(
  row: ChatRow,
  address: string,
  body: Saying,
  { messages, reactions }: Pick<Store, "messages" | "reactions">,
): Promise<GroupChatItem> {
  const { from } = row.body;
  const item = { address, row, from, body };
  const named = (id: string) => shownName(row.account, row.peer, id, messages);
  switch (body.kind) {
    case "edit":
      // XEP-0308 section 3: by the id that the message was given when it was sent.
      return item;
    case "retraction":
      return { ...item, target: await named(body.target) };
    case "reaction": {
      const set = await reactions.of(row.account, row.peer, body.target, from);
      return { ...item, target: await named(body.target), emojis: set.map((one) => one.emoji) };
    }
    case "message": {
      const parent = await messages.byRemoteId(row.account, body.message.replyTo ?? []);
      return parent === undefined ? item : { ...item, target: await named(parent.xmppId) };
    }
    default:
      return body satisfies never;
  }
}
