// The answer to UID FETCH (RFC 3501 section 7.4.2) for the scripted IMAP server.

export interface FakeMail {
  readonly uid: number;
  readonly raw: string | Uint8Array;
  /** Such as "\\Seen". */
  readonly flags?: readonly string[];
  /** RFC 3501 date-time. Default "01-Nov-2026 12:00:00 +0000". */
  readonly internalDate?: string;
}

/** Whether a UID is in a sequence set such as "1:*" or "4,7:9". */
export function inSet(uid: number, set: string, mails: readonly FakeMail[]): boolean {
  const last = Math.max(0, ...mails.map((mail) => mail.uid));
  const value = (text: string): number => (text === "*" ? last : Number(text));
  return set.split(",").some((part) => {
    const [first = "", second = first] = part.split(":");
    // "9:*" with no 9 yet means the last one: the ends may come in either order.
    const [low, high] = [value(first), value(second)].toSorted((one, other) => one - other);
    return low !== undefined && high !== undefined && uid >= low && uid <= high;
  });
}

/** The untagged FETCH responses. Knows UID, FLAGS, INTERNALDATE, RFC822.SIZE, BODY[], BODY[HEADER] and header fields. */
export function fetchResponse(args: string, mails: readonly FakeMail[]): (string | Uint8Array)[] {
  const [, set = "", items = ""] = /^(\S+) ([\s\S]*)$/.exec(args) ?? [];
  return mails.flatMap((mail, index) => {
    if (!inSet(mail.uid, set, mails)) return [];
    const raw = Buffer.from(mail.raw);
    const facts = [`UID ${mail.uid}`];
    if (/\bFLAGS\b/i.test(items)) facts.push(`FLAGS (${(mail.flags ?? []).join(" ")})`);
    if (/INTERNALDATE/i.test(items)) facts.push(`INTERNALDATE "${mail.internalDate ?? "01-Nov-2026 12:00:00 +0000"}"`);
    if (/RFC822\.SIZE/i.test(items)) facts.push(`RFC822.SIZE ${raw.length}`);
    const parts: (string | Uint8Array)[] = [`* ${index + 1} FETCH (${facts.join(" ")}`];
    for (const [, section = "", , from, length] of items.matchAll(
      /BODY(?:\.PEEK)?\[(HEADER(?:\.FIELDS \(([^)]*)\))?|)\](?:<(\d+)\.(\d+)>)?/gi,
    )) {
      const whole = section === "" ? raw : headerOf(raw);
      const start = Number(from ?? 0);
      const bytes = from === undefined ? whole : whole.subarray(start, start + Number(length));
      parts.push(` BODY[${section}]${from === undefined ? "" : `<${start}>`} {${bytes.length}}\r\n`, bytes);
    }
    return [...parts, ")\r\n"];
  });
}

/** Up to and including the empty line. All fields: more than asked for does no harm. */
function headerOf(raw: Buffer): Buffer {
  const end = raw.indexOf("\r\n\r\n");
  return end < 0 ? raw : raw.subarray(0, end + 4);
}
