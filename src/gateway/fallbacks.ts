// What becomes of a user's action where the network has no such thing. One table, so that no handler decides alone.
import type { MessageRef, RoomChange, Verbs } from "#bridge";
import type { OutgoingBody } from "./ports.ts";

export type Step =
  | { readonly do: "send"; readonly text: string }
  | { readonly do: "edit"; readonly text: string; readonly target: MessageRef }
  | { readonly do: "retract"; readonly target: MessageRef }
  | { readonly do: "react"; readonly target: MessageRef; readonly emojis: readonly string[] }
  | { readonly do: "markRead"; readonly target: MessageRef }
  | { readonly do: "change"; readonly change: RoomChange }
  | { readonly do: "leave" }
  | { readonly do: "nothing" }
  | { readonly do: "refuse"; readonly text: string };

/**
 * | action | the bridge has the verb | it has not |
 * |---|---|---|
 * | message | send | (every bridge sends) |
 * | edit | edit | a new message marked as a correction |
 * | retraction | retract | refused: it can not be taken back |
 * | reaction | react | refused |
 * | read | markRead | nothing |
 * | change of a group chat | changeRoom | nothing |
 * | somebody is gone from a group chat | leave | nothing |
 *
 * `target` is the message acted on, undefined when this account does not know it.
 */
export function fallback(body: OutgoingBody, session: Partial<Verbs>, target: MessageRef | undefined): Step {
  const text = body.text ?? "";
  switch (body.kind) {
    case "message":
      return { do: "send", text };
    case "edit":
      // Only the user's own messages can be corrected (security.md X09).
      if (target?.fromSelf && session.edit) return { do: "edit", text, target };
      return { do: "send", text: `Correction: ${text}` };
    case "reaction":
      if (!session.react || !session.unreact) return { do: "refuse", text: "There are no reactions on this network." };
      if (target) return { do: "react", target, emojis: body.emojis ?? [] };
      return { do: "refuse", text: "The gateway does not know the message that you reacted to." };
    case "retraction":
      if (target?.fromSelf && session.retract) return { do: "retract", target };
      return { do: "refuse", text: "The message has left already and cannot be taken back there." };
    case "read":
      return target && !target.fromSelf && session.markRead ? { do: "markRead", target } : { do: "nothing" };
    case "change":
      return body.change && session.changeRoom ? { do: "change", change: body.change } : { do: "nothing" };
    case "part":
      return session.leave ? { do: "leave" } : { do: "nothing" };
    default:
      return body.kind satisfies never;
  }
}
