// What makes two mails the same. The Message-ID alone does not: two mails may share one, and both are shown
// (email.md 28); the path a mail took does not count, because a redelivery takes another.
import { createHash, type Hash } from "node:crypto";
import { first, readHead } from "./text/head.ts";
import { validMessageId } from "./text/message-ids.ts";

/** Fields that each hop and each delivery adds or changes. */
const trace =
  /^(?:received|return-path|delivered-to|x-original-to|envelope-to|x-envelope-to|x-envelope-from|delivery-date|received-spf|authentication-results|arc-[a-z-]+|x-received|x-[a-z0-9-]*queue[a-z0-9-]*|x-uidl?|x-keywords|x-mozilla-[a-z0-9-]+|status|x-status|content-length|lines|x-spam[a-z0-9-]*|x-virus[a-z0-9-]*|x-gm-[a-z0-9-]+|x-google-smtp-source|x-ms-exchange-[a-z0-9-]+|x-ovh-[a-z0-9-]+|x-rspamd-[a-z0-9-]+)$/;

/** Hash of From, Date, Subject and the body: the same on every path the mail takes. Hex, 64 characters. */
export function contentKey(raw: Uint8Array): string {
  const head = readHead(raw, 256 * 1024);
  const hash = createHash("sha256");
  for (const name of ["from", "date", "subject"]) hash.update(`${name}:${first(head, name) ?? ""}\n`);
  addBody(hash, raw, head.bodyAt);
  return hash.digest("hex");
}

/** The id for a mail without a valid one of its own. */
export function substituteId(key: string): string {
  return `<${key}@viaduct.invalid>`;
}

/**
 * The id of an original at the door (LMTP, SMTP, IMAP): one recipient's copy of these bytes, whatever hops it took.
 * Runs on the main thread for every mail.
 */
export function originalId(raw: Uint8Array, recipient: string): string {
  const head = readHead(raw, 256 * 1024);
  const hash = createHash("sha256");
  hash.update(`${recipient.toLowerCase()}\n${validMessageId(first(head, "message-id")) ?? ""}\n`);
  for (const field of head.fields) if (!trace.test(field.name)) hash.update(`${field.name}:${field.value}\n`);
  addBody(hash, raw, head.bodyAt);
  return hash.digest("hex");
}

/** Line ends and blank lines at the end differ between transports: a body with CR LF and one with LF are the same. */
function addBody(hash: Hash, raw: Uint8Array, bodyAt: number): void {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset + bodyAt, raw.byteLength - bodyAt);
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end -= 1;
  const body = bytes.subarray(0, end);
  if (body.includes(0x0d)) hash.update(body.toString("latin1").replaceAll("\r\n", "\n"), "latin1");
  else hash.update(body);
}
