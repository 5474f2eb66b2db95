// Which parts of a mail are its text, and which are files (email.md 7, 8, 10).
import { xmlSafe } from "#bridge";
import { decodeText } from "./charset.ts";
import { cleanFileName } from "./file-name.ts";
import { unflow } from "./flowed.ts";
import { decodeHeaderText } from "./head.ts";
import { htmlToPlain } from "./html.ts";
import type { Part } from "./mime-tree.ts";

export interface MailFile {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array;
  /** A picture that the HTML shows: listed only when it is big or all there is. */
  readonly inline: boolean;
}

export interface MailBody {
  /** Lines end in "\n". */
  readonly text: string;
  readonly files: readonly MailFile[];
  /** The text came from HTML. */
  readonly fromHtml: boolean;
  /** Characters that XML forbids, taken out. */
  readonly replaced: number;
  /** Encrypted: there is no text to show. */
  readonly encrypted: boolean;
  /** Mails inside the mail, to be opened by the caller. */
  readonly nested: readonly Uint8Array[];
  /** A delivery or read report (RFC 3464, RFC 8098). */
  readonly report: boolean;
}

interface Piece {
  /** Decoded and converted on the first call: the HTML beside a good plain text is never read. */
  readonly text: () => string;
  readonly html: () => boolean;
}

interface Found {
  readonly pieces: Piece[];
  readonly files: MailFile[];
  readonly nested: Uint8Array[];
  encrypted: boolean;
  report: boolean;
}

/** The files of a mail, in the order of `readBody`. */
export const filesOf = (root: Part): readonly MailFile[] => findAll(root).files;

function findAll(root: Part): Found {
  const found: Found = { pieces: [], files: [], nested: [], encrypted: false, report: false };
  // A mail that is one text is its text, whatever name it carries.
  if (root.type === "text/plain" || root.type === "text/html") found.pieces.push(readText(root));
  else collect(root, found, false);
  return found;
}

/** All a mail says, in order. Text parts of a multipart/mixed follow one another. */
export function readBody(root: Part): MailBody {
  const found = findAll(root);
  const safe = xmlSafe(
    found.pieces
      .map((piece) => piece.text().trimEnd())
      .filter((text) => text !== "")
      .join("\n\n"),
  );
  return {
    text: safe.text,
    files: found.files,
    fromHtml: found.pieces.some((piece) => piece.html()),
    replaced: safe.replaced,
    encrypted: found.encrypted,
    nested: found.nested,
    report: found.report,
  };
}

function collect(part: Part, found: Found, related: boolean): void {
  switch (part.type) {
    case "multipart/alternative":
      return collectAlternative(part, found, related);
    case "multipart/encrypted":
      found.encrypted = true;
      for (const child of part.children) addFile(child, found, false);
      return;
    case "multipart/report":
      return collectReport(part, found);
    case "multipart/related": {
      const [root, ...resources] = part.children;
      if (root !== undefined) collect(root, found, related);
      for (const resource of resources) collect(resource, found, true);
      return;
    }
    case "multipart/signed": {
      // The signature (RFC 1847: the second part) is no file for a reader.
      const [content, ...rest] = part.children;
      if (content !== undefined) collect(content, found, related);
      for (const other of rest.slice(1)) collect(other, found, related);
      return;
    }
  }
  if (part.children.length > 0) {
    for (const child of part.children) collect(child, found, related);
  } else if (isText(part)) {
    found.pieces.push(readText(part));
  } else if (part.type === "message/rfc822" && part.disposition !== "attachment") {
    found.nested.push(part.bytes);
  } else if (!part.type.startsWith("multipart/")) {
    addFile(part, found, related && part.type.startsWith("image/"));
  } else if (part.bytes.length > 0) {
    // A multipart without boundary or parts: what it holds is read as text rather than lost.
    found.pieces.push(readText({ ...part, type: "text/plain" }));
  }
}

/** The plainest part that says something; files of the others are kept (meetings, pictures). */
function collectAlternative(part: Part, found: Found, related: boolean): void {
  const choices = part.children.map((child) => {
    const own: Found = { pieces: [], files: [], nested: [], encrypted: false, report: false };
    collect(child, own, related);
    return own;
  });
  const says = (choice: Found): string =>
    choice.pieces
      .map((piece) => piece.text())
      .join("\n")
      .trim();
  const isPlain = (choice: Found): boolean => choice.pieces.every((piece) => !piece.html());
  const plain = choices.find((choice) => isPlain(choice) && says(choice) !== "");
  const html = (): Found | undefined => choices.find((choice) => !isPlain(choice) && says(choice) !== "");
  const chosen = plain === undefined || isStub(says(plain)) ? (html() ?? plain) : plain;
  if (chosen !== undefined) found.pieces.push(...chosen.pieces);
  for (const choice of choices) {
    found.files.push(...choice.files);
    found.nested.push(...choice.nested);
    found.encrypted ||= choice.encrypted;
    found.report ||= choice.report;
  }
}

/** "Your program shows no HTML": a plain text that only points at the other one. */
function isStub(plain: string): boolean {
  if (plain.length > 400) return false;
  return (
    /html|browser|web ?version|online (?:version|ansehen|lesen)|view (?:this|it) (?:e-?mail|message|online)|navigateur|navegador/i.test(
      plain,
    ) && /view|display|show|support|anzeigen|ansehen|darstell|unterstütz|affich|visuali|open|click|klick/i.test(plain)
  );
}

/** RFC 6522: words for people, then facts for machines, then the mail it is about. */
function collectReport(part: Part, found: Found): void {
  found.report = true;
  const [human, ...rest] = part.children;
  if (human !== undefined) collect(human, found, false);
  if (found.pieces.every((piece) => piece.text().trim() === "")) {
    const facts = rest.find((child) => child.type.startsWith("message/") && child.type !== "message/rfc822");
    if (facts !== undefined) found.pieces.push(readText({ ...facts, type: "text/plain" }));
  }
  for (const child of rest) if (!/^(?:message|text)\//.test(child.type)) addFile(child, found, false);
}

function isText(part: Part): boolean {
  if (part.disposition === "attachment") return false;
  if (part.type === "text/html" || part.type === "text/plain")
    return part.fileName === undefined || part.disposition === "inline";
  return part.type === "text/enriched" || part.type === "text/markdown";
}

/** What one part may hold as text; the rest of it is cut, as the whole message will be. */
const longestText = 4_000_000;

function readText(part: Part): Piece {
  let decoded: string | undefined;
  let text: string | undefined;
  const source = (): string => (decoded ??= decodeText(part.bytes.subarray(0, longestText), part.params["charset"]));
  const html = (): boolean => part.type === "text/html" || isHtml(source());
  return { html, text: () => (text ??= html() ? htmlToPlain(source()) : plainText(source(), part)) };
}

function plainText(decoded: string, part: Part): string {
  const lines = decoded.replace(/\r\n?/g, "\n");
  const flowed = part.params["format"]?.trim().toLowerCase() === "flowed";
  return flowed ? unflow(lines, part.params["delsp"]?.trim().toLowerCase() === "yes") : lines;
}

/** HTML under the label text/plain, as some newsletters send it. */
function isHtml(text: string): boolean {
  return /^\s{0,100}(?:<!doctype html|<html[\s>]|<!--)/i.test(text) && /<\/(?:html|body|div|table)>/i.test(text);
}

/** A mail of a thousand attachments still makes one message. */
const mostFiles = 100;

function addFile(part: Part, found: Found, inline: boolean): void {
  if (part.children.length > 0 || found.files.length >= mostFiles) return;
  const type = /^[\w.+-]{1,60}\/[\w.+-]{1,80}$/.test(part.type) ? part.type : "application/octet-stream";
  const name = part.fileName === undefined ? defaultName(type) : cleanFileName(decodeHeaderText(part.fileName));
  found.files.push({ name, type, bytes: part.bytes, inline });
}

function defaultName(type: string): string {
  if (type === "message/rfc822") return "message.eml";
  if (type === "text/calendar") return "meeting.ics";
  return `file.${(type.split("/")[1] ?? "bin").replace(/^x-|[^a-z0-9].*$/g, "").slice(0, 10) || "bin"}`;
}
