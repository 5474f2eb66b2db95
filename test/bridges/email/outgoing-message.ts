import type { OutgoingMessage } from "#bridge";

/** A message from a user, as the core hands it over. */
export function outgoingMessage(to: string, text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    key: "0123456789abcdefghijklmnop",
    peer: { kind: "contact", id: to },
    text,
    sentAt: Date.now(),
    uncertain: false,
    ...more,
  };
}
