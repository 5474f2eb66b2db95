// RFC 3464 (delivery status notifications) and RFC 6533 (the same for international addresses): what became of a mail that
// was sent. Anybody can write one; what it says counts only where the core knows that mail (email.md 25).
import { cleanLabel } from "#bridge";
import { addressId } from "../addressing.ts";
import { first, type Head, parseAddressField, readHead } from "./head.ts";
import { messageIdsIn, validMessageId } from "./message-ids.ts";
import type { Part } from "./mime-tree.ts";

export interface DeliveryReport {
  readonly action: "failed" | "delayed";
  /** Whom the mail was for: a contact's id. */
  readonly recipient: string;
  /** Of the mail that was sent. */
  readonly messageId: string;
  /** RFC 3463, such as "5.1.1". */
  readonly status: string;
  /** The last server's reply, one line; empty when there is none. */
  readonly diagnostic: string;
}

/** Groups of recipients that are looked at: a mail of ours has one. */
const mostGroups = 100;

/** @param head the header of the report itself. Undefined for receipts, for reports on nothing, and for what is no report. */
export function readDeliveryReport(root: Part, head: Head): DeliveryReport | undefined {
  if (root.type !== "multipart/report") return undefined;
  const status = root.children.find(({ type }) => /^message\/(?:global-)?delivery-status$/.test(type));
  const returned = root.children.find(({ type }) =>
    /^(?:message\/(?:rfc822|global|global-headers)|text\/rfc822-headers)$/.test(type),
  );
  if (status === undefined) return undefined;
  const sent = returned === undefined ? undefined : readHead(returned.bytes);
  const messageId =
    validMessageId(sent && first(sent, "message-id")) ??
    messageIdsIn(first(head, "in-reply-to"))[0] ??
    messageIdsIn(first(head, "references")).at(-1);
  if (messageId === undefined) return undefined;
  const to = sent && parseAddressField(first(sent, "to") ?? "")[0]?.address;
  const known = to === undefined ? undefined : addressId(to);
  const facts = groupsOf(status.bytes).flatMap((group) => factsOf(group) ?? []);
  // The address that was written to may have led on to the one that failed.
  const fact = facts.find(({ recipients }) => known !== undefined && recipients.includes(known)) ?? facts[0];
  const recipient = known ?? fact?.recipients[0];
  if (fact === undefined || recipient === undefined) return undefined;
  return { action: fact.action, recipient, messageId, status: fact.status, diagnostic: fact.diagnostic };
}

/** Section 2.1: fields of the mail, then fields of each recipient, an empty line between them. */
function groupsOf(bytes: Uint8Array): Head[] {
  const groups: Head[] = [];
  for (let at = 0; at < bytes.length && groups.length < mostGroups; ) {
    const group = readHead(bytes.subarray(at));
    at += group.bodyAt;
    if (group.fields.length > 0) groups.push(group);
  }
  return groups;
}

function factsOf(group: Head) {
  const action = /^\s*(failed|delayed)\b/i.exec(first(group, "action") ?? "")?.[1]?.toLowerCase();
  if (action !== "failed" && action !== "delayed") return undefined;
  const recipients = ["original-recipient", "final-recipient"].flatMap((name) => {
    const [, address = ""] = /^[^;]*;\s*<?([^<>]*)>?\s*$/.exec(first(group, name) ?? "") ?? [];
    return [address, fromXtext(address)].flatMap((text) => addressId(text.trim()) ?? []);
  });
  const status = /^[245]\.\d{1,3}\.\d{1,3}/.exec((first(group, "status") ?? "").trim())?.[0] ?? "";
  const diagnostic = cleanLabel((first(group, "diagnostic-code") ?? "").replace(/^[^;]{0,100};/, ""), 500);
  return { action, recipients, status, diagnostic } as const;
}

/** RFC 3461 section 4: "+3D" for "=". Not every server writes an original recipient so: both readings are tried. */
function fromXtext(text: string): string {
  return text.replace(/\+([2-7][0-9A-F])/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
