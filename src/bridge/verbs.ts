// Verb = capability = method = XEP. A bridge lists the verbs it supports and its sessions have these methods; the edge
// advertises what follows from them, and what is missing meets the fallback table of the core.
import type { MessageRef, OutgoingMessage, Peer, Sent } from "./message.ts";

export interface Verbs {
  /** XEP-0308. The new text of an earlier message of the user's own. */
  edit(target: MessageRef, message: OutgoingMessage): Promise<Sent>;
  /** XEP-0424. Take back an earlier message of the user's own. */
  retract(target: MessageRef, peer: Peer, key: string): Promise<void>;
  /** XEP-0333 displayed. The user has read everything up to `target`. Durable; newest wins. */
  markRead(target: MessageRef, peer: Peer): Promise<void>;
  /** XEP-0085. Fleeting. */
  setTyping(peer: Peer, active: boolean): Promise<void>;
}

export type Verb = keyof Verbs;
