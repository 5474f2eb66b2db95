// Subjects: which part names the thread, and which part mail programs put before it.

/** Answer and forward marks by language, and list tags. Bounded, so that a hostile subject costs nothing. */
const prefix =
  /^\s*(?:(?:re|aw|antw|antwort|sv|vs|vl|ref|rif|r|res|odp|ynt|ilt|atb|ats|bls|vá|na|отв|ответ|hä|回复|回覆|答复|答覆|返信|답장|fwd?|fw|wg|tr|rv|enc|i|pd|doorst|vb|vid|továbbítás|пересл|转发|轉寄|전달)\s{0,3}(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s{0,3}[:：])/iu;
const listTag = /^\s*\[[^\]]{1,60}\]/u;
const forward =
  /^\s*(?:\[[^\]]{1,60}\]\s*)?(?:fwd?|fw|wg|tr|rv|enc|i|pd|doorst|vb|továbbítás|пересл|转发|轉寄|전달)\s{0,3}[:：]/iu;

/** Without answer and forward marks and list tags. Never empty because of a tag: a subject that is only a tag stays. */
export function baseSubject(subject: string): string {
  let rest = subject.trim();
  for (let round = 0; round < 20; round += 1) {
    const mark = prefix.exec(rest) ?? listTag.exec(rest);
    if (mark === null) break;
    const shorter = rest.slice(mark[0].length).trim();
    if (shorter === "" && mark[0].trimStart().startsWith("[")) break;
    rest = shorter;
  }
  return rest;
}

/** Whether the subject says "answer" or "forwarded" before the thread's name. */
export function hasMark(subject: string): boolean {
  return prefix.test(subject.replace(listTag, ""));
}

export function isForward(subject: string): boolean {
  return forward.test(subject);
}

/** The subject of an answer: one "Re: ", however many the parent had. */
export function answerSubject(parent: string): string {
  const base = baseSubject(parent);
  return base === "" ? "Re:" : `Re: ${base}`;
}
