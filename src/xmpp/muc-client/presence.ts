// What a chat says of an occupant by presence (XEP-0045 sections 7.2, 9 and 10, status codes in section 15.6).
import { BridgeError, type Condition } from "#bridge";
import { NS } from "../ns.ts";
import { attr, child, children, type Element, textOf } from "../stanza.ts";
import { readError } from "../stanza-error.ts";

/** How somebody of ours comes to be out. */
export type SeatEnd =
  | { readonly how: "renamed"; readonly nick: string }
  /** The chat does not want them. `reason` is one sentence. */
  | { readonly how: "expelled"; readonly reason: string }
  | { readonly how: "closed"; readonly reason: string | undefined }
  /** Its service stopped, or could not reach us. */
  | { readonly how: "lost" };

function codesOf(stanza: Element): ReadonlySet<string> {
  const x = child(stanza, "x", NS.mucUser);
  return new Set(x ? children(x, "status").map((status) => attr(status, "code") ?? "") : []);
}

/** Section 7.2.2: the presence is the receiver's own. */
export const isOwn = (stanza: Element): boolean => codesOf(stanza).has("110");

/** Section 10.1: there was no such chat before. */
export const isNew = (stanza: Element): boolean => codesOf(stanza).has("201");

export function endOf(stanza: Element): SeatEnd {
  const x = child(stanza, "x", NS.mucUser);
  const codes = codesOf(stanza);
  const item = x && child(x, "item");
  const nick = item && attr(item, "nick");
  if (codes.has("303") && nick !== undefined) return { how: "renamed", nick };
  const destroyed = x && child(x, "destroy");
  if (destroyed) return { how: "closed", reason: textOf(destroyed, "reason") };
  const why = item && textOf(item, "reason");
  const because = why ? `: ${why.slice(0, 500)}` : ".";
  if (codes.has("301")) return { how: "expelled", reason: `Banned from the group chat${because}` };
  if (codes.has("333")) return { how: "lost" };
  if (codes.has("307")) return { how: "expelled", reason: `Kicked from the group chat${because}` };
  if (codes.has("321") || codes.has("322"))
    return { how: "expelled", reason: "The group chat is for its members only." };
  return { how: "lost" };
}

const sentences: Readonly<Partial<Record<Condition, string>>> = {
  forbidden: "You are banned from the group chat.",
  "registration-required": "The group chat is for its members only.",
  "not-authorized": "The group chat wants a password.",
  "not-allowed": "The group chat does not let you in.",
  "not-acceptable": "The group chat does not take your name.",
  "item-not-found": "There is no such group chat.",
};

/** Section 7.2: why somebody was not let in. Undefined: their nick is taken (section 7.2.8). */
export function refusalOf(stanza: Element): BridgeError | undefined {
  const { condition, text, type } = readError(stanza);
  if (condition === "conflict") return undefined;
  const why = condition === "jid-malformed" ? "not-acceptable" : (condition as Condition);
  const sentence = sentences[why];
  if (sentence === undefined || type === "wait")
    return new BridgeError("retry", text ?? "The group chat is not there.");
  return new BridgeError("reject", sentence, { condition: why });
}
