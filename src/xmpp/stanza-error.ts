// RFC 6120 section 8.3: stanza errors.
import type { Condition } from "#bridge";
import { NS } from "./ns.ts";
import { attr, child, children, Element, el } from "./stanza.ts";

export type ErrorType = "auth" | "cancel" | "continue" | "modify" | "wait";
/** Every condition of RFC 6120 section 8.3.3 except the two that carry an address (gone, redirect). */
export type StanzaCondition =
  | Condition
  | "conflict"
  | "not-allowed"
  | "subscription-required"
  | "undefined-condition"
  | "unexpected-request";

/** RFC 6120 section 8.3.3: the error type recommended for each condition. */
const types: Readonly<Record<StanzaCondition, ErrorType>> = {
  "bad-request": "modify",
  conflict: "cancel",
  "feature-not-implemented": "cancel",
  forbidden: "auth",
  "internal-server-error": "cancel",
  "item-not-found": "cancel",
  "jid-malformed": "modify",
  "not-acceptable": "modify",
  "not-allowed": "cancel",
  "not-authorized": "auth",
  "policy-violation": "modify",
  "recipient-unavailable": "wait",
  "registration-required": "auth",
  "remote-server-not-found": "cancel",
  "remote-server-timeout": "wait",
  "resource-constraint": "wait",
  "service-unavailable": "cancel",
  "subscription-required": "auth",
  "undefined-condition": "cancel",
  "unexpected-request": "wait",
};

/** An error that a handler throws to answer a stanza with, or that an answer carried. `message` is for the user. */
export class StanzaError extends Error {
  override readonly name = "StanzaError";
  readonly condition: StanzaCondition;
  readonly type: ErrorType;
  /** The sentence inside `<text/>`; undefined when there is none. */
  readonly text: string | undefined;
  constructor(
    condition: StanzaCondition,
    text?: string,
    options: { readonly type?: ErrorType; readonly cause?: unknown } = {},
  ) {
    super(text ?? condition, { cause: options.cause });
    this.condition = condition;
    this.type = options.type ?? types[condition];
    this.text = text;
  }
}

/** Longer ids come back absent: no client makes them, and an error must fit into what we may write (X17). */
const maxIdLength = 4096;

/**
 * The error reply to a stanza: addresses swapped, the sender's own id, without the payload (RFC 6120 section 8.3.1
 * makes its echo optional). Undefined where RFC 6120 section 8.3.1 forbids an answer: to an error, and to a result.
 */
export function stanzaError(
  stanza: Element,
  condition: StanzaCondition,
  text?: string,
  options: { readonly type?: ErrorType; readonly by?: string } = {},
): Element | undefined {
  const kind = attr(stanza, "type");
  if (kind === "error" || (stanza.name === "iq" && kind === "result")) return undefined;
  const id = attr(stanza, "id");
  return el(
    stanza.name,
    {
      type: "error",
      id: id !== undefined && id.length > maxIdLength ? undefined : id,
      from: attr(stanza, "to"),
      to: attr(stanza, "from"),
    },
    el(
      "error",
      { type: options.type ?? types[condition], by: options.by },
      el(condition, { xmlns: NS.stanzaErrors }),
      text === undefined ? undefined : el("text", { xmlns: NS.stanzaErrors }, text),
    ),
  );
}

/** Reads the `<error/>` of a stanza of type error. A condition that RFC 6120 does not know reads as undefined-condition. */
export function readError(stanza: Element): StanzaError {
  const error = child(stanza, "error");
  let condition: StanzaCondition = "undefined-condition";
  let text: string | undefined;
  for (const node of error ? children(error, undefined, NS.stanzaErrors) : []) {
    const name = node.getName();
    if (name === "text") text = node.getText();
    else if (isCondition(name)) condition = name;
  }
  const type = error && attr(error, "type");
  return new StanzaError(condition, text, isErrorType(type) ? { type } : {});
}

const isCondition = (name: string): name is StanzaCondition => Object.hasOwn(types, name);
const isErrorType = (type: string | undefined): type is ErrorType =>
  type === "auth" || type === "cancel" || type === "continue" || type === "modify" || type === "wait";
