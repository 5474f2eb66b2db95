// What becomes of a user's action where the network has no such thing. One table, so that no handler decides alone.
import type { Condition, MessageRef, RoomChange, Verbs } from "#bridge";
import type { OutgoingBody } from "./lane-ports.ts";

export type Step =
  | { readonly do: "send"; readonly text: string }
  | { readonly do: "edit"; readonly text: string; readonly target: MessageRef }
  | { readonly do: "retract"; readonly target: MessageRef; readonly reason?: string }
  | { readonly do: "react"; readonly target: MessageRef; readonly emojis: readonly string[] }
  | { readonly do: "markRead"; readonly target: MessageRef }
  | { readonly do: "change"; readonly change: RoomChange }
  | { readonly do: "leave" }
  | { readonly do: "nothing" }
  | { readonly do: "refuse"; readonly condition: Condition; readonly text: string };

/**
 * | action | the bridge has the verb | it has not |
 * |---|---|---|
 * | message | send | (every bridge sends) |
 * | edit | edit | a new message marked as a correction |
 * | retraction | retract | refused: it can not be taken back |
 * | moderation | retract | refused |
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
      if (!session.react || !session.unreact) return refuse("There are no reactions on this network.");
      if (target) return { do: "react", target, emojis: body.emojis ?? [] };
      return refuse("The gateway does not know the message that you reacted to.");
    case "retraction":
      return retraction(body, session, target);
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

/** What others said only a moderation takes back; who may do that the network decides. */
function retraction({ moderation }: OutgoingBody, session: Partial<Verbs>, target: MessageRef | undefined): Step {
  if (!session.retract) return refuse("The message has left already and cannot be taken back there.");
  if (target === undefined)
    return refuse("The gateway does not know the message that you take back.", "item-not-found");
  if (moderation) return { do: "retract", target, ...moderation };
  // X09
  if (!target.fromSelf) return refuse("This message is not yours to take back.", "forbidden");
  return { do: "retract", target };
}

const refuse = (text: string, condition: Condition = "feature-not-implemented"): Step => ({
  do: "refuse",
  condition,
  text,
});
