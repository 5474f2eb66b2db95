// The header of a mail, read from its bytes: cheap enough for the main thread, bounded, and blind to the body.
import { addressParser, decodeWords } from "postal-mime";
import { decodeText, isPlatformCharset } from "./charset.ts";

/** One field of the header, unfolded. Bytes above ASCII stand in `value` decoded (UTF-8 if valid, else windows-1252). */
export interface Field {
  /** Lower-case name. */
  readonly name: string;
  readonly value: string;
}

export interface Head {
  readonly fields: readonly Field[];
  /** Where the body begins in the bytes. */
  readonly bodyAt: number;
}

/** What the header may measure before the mail counts as hostile (E16). */
export const maxHeadBytes = 1024 * 1024;

/**
 * Reads the fields of the first `limit` bytes. Lines that are no fields (a leading mbox "From " line, garbage) are
 * passed over, as mail programs do.
 */
export function readHead(raw: Uint8Array, limit: number = maxHeadBytes): Head {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const bodyAt = findBody(bytes);
  const fields: Field[] = [];
  const end = Math.min(bodyAt, limit);
  let lineAt = 0;
  let from = -1;
  const take = (to: number): void => {
    if (from < 0) return;
    const field = readField(bytes.subarray(from, to));
    if (field !== undefined) fields.push(field);
  };
  while (lineAt < end) {
    const newline = bytes.indexOf(0x0a, lineAt);
    const next = newline < 0 || newline >= end ? end : newline + 1;
    const start = bytes[lineAt];
    if (start !== 0x20 && start !== 0x09) {
      take(lineAt);
      from = lineAt;
    }
    lineAt = next;
  }
  take(end);
  return { fields, bodyAt };
}

/** RFC 5322 section 2.1: the body follows the first empty line. Without one, all of it is header. */
function findBody(bytes: Buffer): number {
  if (bytes[0] === 0x0a) return 1;
  if (bytes[0] === 0x0d && bytes[1] === 0x0a) return 2;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
    if (bytes[at + 1] === 0x0a) return at + 2;
    if (bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a) return at + 3;
  }
  return bytes.length;
}

function readField(bytes: Buffer): Field | undefined {
  const colon = bytes.indexOf(0x3a);
  if (colon < 1 || colon > 200) return undefined;
  const name = bytes.toString("latin1", 0, colon).trimEnd().toLowerCase();
  if (!/^[!-9;-~]+$/.test(name)) return undefined;
  const value = decodeText(bytes.subarray(colon + 1), undefined)
    .replace(/\r?\n(?=[ \t])/g, "")
    .replace(/[\r\n\0]+/g, " ")
    .trim();
  return { name, value };
}

/** The value of the first field of that name: duplicates never outrank it. */
export function first(head: Head, name: string): string | undefined {
  return head.fields.find((field) => field.name === name)?.value;
}

export function all(head: Head, name: string): string[] {
  return head.fields.filter((field) => field.name === name).map((field) => field.value);
}

/** RFC 2047 to plain text. */
export function decodeHeaderText(value: string): string {
  return decodeWords(knownCharsets(value.slice(0, 20_000)));
}

export interface NamedAddress {
  /** As decoded, not cleaned. */
  readonly name: string;
  /** As written, not validated. */
  readonly address: string;
}

/** A group or list of addresses, flattened; at most 200. */
export function parseAddressField(value: string): NamedAddress[] {
  const list = addressParser(knownCharsets(value.slice(0, 20_000)), { flatten: true });
  return list
    .slice(0, 200)
    .flatMap((entry) => (entry.address === undefined ? [] : [{ name: entry.name, address: entry.address }]));
}

/** Encoded words in charsets that the library does not know (utf-7, cp-850) become words in UTF-8. */
function knownCharsets(value: string): string {
  if (!value.includes("=?")) return value;
  return value.replace(
    /=\?([^?\s]{1,60})\?([QqBb])\?([^?]*)\?=/g,
    (word, label: string, kind: string, text: string) => {
      const charset = label.replace(/\*.*$/, "").toLowerCase();
      if (isPlatformCharset(charset)) return word;
      const bytes = /b/i.test(kind) ? Buffer.from(text, "base64") : unquote(text);
      return `=?utf-8?B?${Buffer.from(decodeText(bytes, charset), "utf8").toString("base64")}?=`;
    },
  );
}

/** RFC 2047 section 4.2. */
function unquote(text: string): Buffer {
  const latin1 = text
    .replace(/_/g, " ")
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin1, "latin1");
}
