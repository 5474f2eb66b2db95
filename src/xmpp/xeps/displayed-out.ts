// XEP-0490: Message Displayed Synchronization. What the user has read in another program of the network's, told to their XMPP
// clients: with what the server lets the gateway do in the user's name (XEP-0356), and XEP-0333 markers.
import { NS } from "../ns.ts";
import type { Privileges } from "../privileges.ts";
import { type Element, el } from "../stanza.ts";

export interface Displayed {
  /** The user's bare JID. */
  readonly user: string;
  /** The bare JID of the contact or room. */
  readonly chat: string;
  /** The message up to which they have read. */
  readonly target: string;
  /** The key of the row. */
  readonly key: string;
}

export interface InTheUsersName {
  readonly privileges: Privileges;
  /** The XMPP server's own domain. */
  readonly server: string;
  /** The component's. */
  readonly gateway: string;
}

/**
 * In a chat of two: the marker that the user's client would have sent, so that the server copies it to all of them
 * (XEP-0280). The gateway does not know under which id the server has archived the message, so it cannot write XEP-0490.
 */
export function ownMarker({ user, chat, target, key }: Displayed, means: InTheUsersName): readonly Element[] {
  if (!means.privileges.messages(user)) return [];
  const marker = el(
    "message",
    { xmlns: NS.client, from: user, to: chat, type: "chat", id: key },
    el("displayed", { xmlns: NS.markers, id: target }),
    el("store", { xmlns: NS.hints }),
  );
  const forwarded = el("forwarded", { xmlns: NS.forward }, marker);
  return [
    el("message", { from: means.gateway, to: means.server }, el("privilege", { xmlns: NS.privilege }, forwarded)),
  ];
}

/** Section 4.2, of a room, whose stanza ids are the gateway's own. Nobody waits for the answer. */
export function published({ user, chat, target, key }: Displayed, means: InTheUsersName): readonly Element[] {
  if (!means.privileges.pubsub(user)) return [];
  const item = el(
    "item",
    { id: chat },
    el("displayed", { xmlns: NS.displayed }, el("stanza-id", { xmlns: NS.sid, by: chat, id: target })),
  );
  const request = el(
    "iq",
    { xmlns: NS.client, type: "set", from: user, to: user, id: key },
    el(
      "pubsub",
      { xmlns: NS.pubsub },
      el("publish", { node: NS.displayed }, item),
      el("publish-options", {}, privateNode()),
    ),
  );
  const wrapped = el("privileged_iq", { xmlns: NS.privilege }, request);
  return [el("iq", { type: "set", from: means.gateway, to: user, id: key }, wrapped)];
}

function privateNode(): Element {
  const field = (name: string, value: string) => el("field", { var: name }, el("value", {}, value));
  return el(
    "x",
    { xmlns: NS.dataForms, type: "submit" },
    el("field", { var: "FORM_TYPE", type: "hidden" }, el("value", {}, NS.publishOptions)),
    field("pubsub#persist_items", "true"),
    field("pubsub#max_items", "max"),
    field("pubsub#send_last_published_item", "never"),
    field("pubsub#access_model", "whitelist"),
  );
}
