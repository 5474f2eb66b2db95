// Bytes of a mail to text. Never throws: mail is full of wrong labels, and a wrong letter is better than no mail.
import iconv from "iconv-lite";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
const looseUtf8 = new TextDecoder("utf-8");
const windows1252 = new TextDecoder("windows-1252");

/** Labels that claim nothing: the bytes decide. */
const unsaid = new Set([
  "",
  "us-ascii",
  "ascii",
  "ansi_x3.4-1968",
  "unknown",
  "unknown-8bit",
  "x-unknown",
  "default",
  "binary",
  "8bit",
]);
/** Encodings whose bytes would all be "valid", found in mail only by mistake or malice. */
const utf8Labels = new Set(["utf-8", "utf8", "unicode-1-1-utf-8", "x-utf-8", "utf_8"]);

/** Decodes by the declared charset; UTF-8 if valid, else windows-1252, where the label is missing, unknown or ASCII. */
export function decodeText(bytes: Uint8Array, label: string | undefined): string {
  const charset = (label ?? "")
    .slice(0, 100)
    .trim()
    .toLowerCase()
    .replace(/^["']+|["']+$/g, "")
    .replace(/\*.*$/, "");
  if (unsaid.has(charset)) return guess(bytes);
  if (utf8Labels.has(charset)) return decodeUtf8(bytes);
  return decodeDeclared(bytes, charset) ?? guess(bytes);
}

/** Whether the platform decodes the label itself, so that a library using TextDecoder gets it right. */
export function isPlatformCharset(label: string): boolean {
  return platformDecoder(label) !== undefined;
}

function guess(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return windows1252.decode(bytes);
  }
}

/** Declared UTF-8: a cut or damaged letter must not turn all the others into mojibake. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    const loose = looseUtf8.decode(bytes);
    let broken = 0;
    let whole = 0;
    for (const character of loose) {
      if (character === "\ufffd") broken += 1;
      else if (character > "\u007f") whole += 1;
    }
    return whole >= broken ? loose : windows1252.decode(bytes);
  }
}

function decodeDeclared(bytes: Uint8Array, charset: string): string | undefined {
  const decoder = platformDecoder(charset);
  if (decoder !== undefined) return decoder.decode(bytes);
  // "cp-850", "x-cp437", "csISOLatin1", "utf-7": names that WHATWG leaves out.
  const name = charset.replace(/^(?:x-|cs)/, "").replace(/[\s_-]+/g, "");
  for (const candidate of [charset, name]) {
    if (
      /^[\w:.-]{1,40}$/.test(candidate) &&
      !/^(?:base64|hex|binary|ucs4|internal)/.test(candidate) &&
      iconv.encodingExists(candidate)
    ) {
      try {
        return iconv.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), candidate);
      } catch {
        return undefined;
      }
    }
  }
  return undefined;
}

function platformDecoder(label: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    // A mail holds few distinct labels, and the constructor is cheap beside the decoding.
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}
