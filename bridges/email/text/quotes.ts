// What of a mail's text the author wrote now: quoted parents, signatures and list footers fall away (email.md 8).
// All rules look at lines with bounded patterns, so that hostile text costs nothing (E21).

const isQuote = (line: string): boolean => /^\s{0,2}>/.test(line);
const isBlank = (line: string): boolean => line.trim() === "";

/** The rules look at this many lines; what comes after is kept as it is. */
const mostLines = 20_000;

/**
 * Removes the one quoted block at the end or the beginning, with its introduction. Interleaved answers and forwards
 * stay whole. Returns the text unchanged rather than an empty one.
 */
export function trimQuotes(text: string): string {
  const lines = text.split("\n");
  if (lines.length > mostLines || hasForwardMark(lines)) return text;
  const cut = withoutOriginal(lines);
  const kept = withoutBlock(cut);
  const rest = kept
    .join("\n")
    .replace(/^(?:[ \t]*\n)+/, "")
    .trimEnd();
  return rest === "" ? text : rest;
}

/**
 * Cuts the signature (RFC 3676 section 4.3) and a list's footer, unless something quoted or forwarded follows. A text
 * that is nothing else stays, unless it `mayVanish` (the mail carries files).
 */
export function trimSignature(text: string, mayVanish = false): string {
  const lines = text.split("\n");
  if (lines.length > mostLines) return text;
  const footerAt = listFooter(lines);
  const upTo = footerAt < 0 ? lines.length : footerAt;
  const at = lines.slice(0, upTo).findIndex((line, index) => isSignatureMark(line, upTo - index));
  const end = at < 0 || hasForwardMark(lines.slice(at)) || lines.slice(at).some(isQuote) ? upTo : at;
  const rest = lines.slice(0, end).join("\n").trimEnd();
  return rest === "" && !mayVanish ? text : rest;
}

/** "--" without its space is common after HTML; then the signature must be short to be one. */
function isSignatureMark(line: string, linesLeft: number): boolean {
  return line === "-- " || (line === "--" && linesLeft <= 10);
}

/** Mailing list programs put a line of underscores before their footer. */
function listFooter(lines: readonly string[]): number {
  const from = Math.max(1, lines.length - 9);
  for (let at = lines.length - 1; at >= from; at -= 1) {
    if (/^_{20,}\s*$/.test(lines[at] ?? "")) {
      const footer = lines
        .slice(at + 1)
        .join("\n")
        .slice(0, 2000);
      return /mailing list|mailinglist|list(?:e|a)?info|unsubscribe|abmelden|https?:\/\//i.test(footer) ? at : -1;
    }
  }
  return -1;
}

const forwardMark =
  /^[\s>*]{0,5}(?:-{2,}\s{0,3}(?:forwarded message|weitergeleitete (?:nachricht|mail)|message transféré|mensaje reenviado|messaggio inoltrato|doorgestuurd bericht|mensagem encaminhada|пересылаемое сообщение|转发邮件|转发信息)|begin forwarded message|anfang der weitergeleiteten|début du message (?:réexpédié|transféré))/i;

function hasForwardMark(lines: readonly string[]): boolean {
  return lines.some((line) => line.length < 200 && forwardMark.test(line));
}

/** Outlook and web mail put the parent below unquoted: behind a separator, or a block of at least three header lines. */
function withoutOriginal(lines: readonly string[]): readonly string[] {
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (
      line.length > 300 ||
      !(originalMark.test(line) || startsHeaderBlock(lines, at) || introducesUnquoted(lines, at))
    )
      continue;
    let end = at;
    // Outlook draws a line above the block, some a blank one between.
    while (end > 0 && (isBlank(lines[end - 1] ?? "") || /^[\s_-]{5,}$/.test(lines[end - 1] ?? ""))) end -= 1;
    return end === 0 ? lines : lines.slice(0, end);
  }
  return lines;
}

const originalMark =
  /^\s{0,3}[-_]{2,}\s{0,3}(?:original message|original-nachricht|original mail|ursprüngliche nachricht|originalnachricht|message d'origine|message original|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht|oprindelig besked|oprindelig meddelelse|ursprungligt meddelande|opprinnelig melding|alkuperäinen viesti|wiadomość oryginalna|исходное сообщение|reply message|原始邮件|原邮件|元のメッセージ)\s{0,3}[-_]{0,}\s*$/i;

const headerLabel = {
  from: /^[\s>*]{0,5}(?:from|von|de|da|van|fra|från|lähettäjä|od|от|kimden|feladó|发件人|寄件者|差出人|보낸 사람)\s{0,2}\*?\s{0,2}[:：]/i,
  other:
    /^[\s>*]{0,5}(?:sent|date|to|cc|bcc|subject|gesendet|datum|an|betreff|kopie|envoyé|à|objet|date d'envoi|enviado(?: el)?|fecha|para|asunto|inviato|data|a|oggetto|verzonden|aan|onderwerp|sendt|til|emne|skickat|till|ämne|lähetetty|vastaanottaja|aihe|wysłano|do|temat|отправлено|дата|кому|тема|копия|gönderme tarihi|kime|konu|elküldve|címzett|tárgy|assunto|enviada em|发送时间|收件人|抄送|主题|日期|寄件日期|收件者|主旨|送信日時|宛先|件名|보낸 날짜|받는 사람|제목|reply-to|organization)\s{0,2}\*?\s{0,2}[:：]/i,
};

/** A From line among at least three header lines in a row, folded lines and blank ones between them allowed. */
function startsHeaderBlock(lines: readonly string[], at: number): boolean {
  const head = lines[at] ?? "";
  if (!headerLabel.from.test(head) && !headerLabel.other.test(head)) return false;
  let labels = 0;
  let from = false;
  let misses = 0;
  for (const line of lines.slice(at, at + 14)) {
    const short = line.slice(0, 300);
    if (isBlank(short)) continue;
    if (headerLabel.from.test(short)) from = true;
    if (headerLabel.from.test(short) || headerLabel.other.test(short)) labels += 1;
    else if (++misses > 2) break;
  }
  return from && labels >= 3;
}

/** "On 31.10.2026 Bob <bob@example.com> wrote:" on one or two lines, with nothing quoted after it: the rest is the parent. */
function introducesUnquoted(lines: readonly string[], at: number): boolean {
  const line = lines[at] ?? "";
  if (!/\d/.test(line) || !/^(?:on|le|el|il|em|am|op|w dniu|dnia|den|pe|在)\s?\S/i.test(line)) return false;
  const joined = /[:：]\s*$/.test(line) ? line : `${line} ${(lines[at + 1] ?? "").slice(0, 300)}`;
  if (!/[:：]\s*$/.test(joined) || !wrote.test(joined) || !/[<[][^<>\s]{1,200}@[^<>\s]{1,200}/.test(joined))
    return false;
  return !lines.slice(at).some(isQuote);
}

/** Runs of ">" lines, blank lines inside included: [first line, line after the last]. */
function quotedBlocks(lines: readonly string[]): [number, number][] {
  const blocks: [number, number][] = [];
  lines.forEach((line, at) => {
    if (!isQuote(line)) return;
    const last = blocks.at(-1);
    if (last !== undefined && lines.slice(last[1], at).every(isBlank)) last[1] = at + 1;
    else blocks.push([at, at + 1]);
  });
  return blocks;
}

function withoutBlock(lines: readonly string[]): readonly string[] {
  const blocks = quotedBlocks(lines);
  const block = blocks[0];
  // More than one block: the answers stand between, and need what they answer.
  if (block === undefined || blocks.length > 1) return lines;
  const introAt = introduction(lines, block[0]);
  const before = lines.slice(0, introAt);
  const after = trimSignature(lines.slice(block[1]).join("\n")).split("\n");
  if (after.every((line) => isBlank(line) || isSignatureMark(line, 1) || /^[\s_-]{2,}$/.test(line))) return before;
  if (isTail(lines.slice(block[1]))) return before;
  return before.every(isBlank) ? after : lines;
}

/** Only a signature or a list's footer follows the quote. */
function isTail(lines: readonly string[]): boolean {
  const at = lines.findIndex((line) => !isBlank(line));
  return at < 0 || isSignatureMark(lines[at] ?? "", lines.length - at) || listFooter(["", ...lines.slice(at)]) === 1;
}

const wrote =
  /wrote|écrit|escribió|scritto|escreveu|schrieb|schreef|napisał|pisze|skrev|kirjoitti|写道|寫道|작성|メッセージ|написал|пишет|a scris|írta|yazdı|έγραψε|напісаў|написа|ha scritto|va escriure|est kirjutas/i;

/** Where the introduction of the block begins ("On ... Bob wrote:", over up to three lines), or the block itself. */
function introduction(lines: readonly string[], blockAt: number): number {
  let end = blockAt;
  while (end > 0 && isBlank(lines[end - 1] ?? "") && blockAt - end < 5) end -= 1;
  for (let count = 1; count <= 3 && end - count >= 0; count += 1) {
    const part = lines.slice(end - count, end);
    if (part.some(isBlank)) break;
    const joined = part.join(" ").slice(0, 600).trim();
    if (!/[:：]\s*-*$/.test(joined)) break;
    const opens =
      /^(?:-+\s*)?(?:on|le|el|il|em|am|op|w dniu|dnia|den|pe|ср|пн|вт|чт|пт|сб|вс|在|20\d\d|\d{1,2}[./-]\d|\d\d:\d\d|"?[\p{L}][^:]{0,200}<)/iu.test(
        joined,
      );
    if (wrote.test(joined) && (opens || count === 3 || /\d/.test(joined))) return end - count;
    if (/<[^<>\s]+@[^<>\s]+>\s*[:：]$/.test(joined) && /\d/.test(joined)) return end - count;
    if (wrote.test(joined) && count === 1 && joined.length < 120 && isBlank(lines[end - 2] ?? "")) return end - 1;
  }
  return blockAt;
}
