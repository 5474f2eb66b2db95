import { describe, expect, it } from "vitest";
import { trimQuotes, trimSignature } from "../../../../bridges/email/text/quotes.ts";
import { corpus, hasCorpora, replyFixture } from "../corpora.ts";

const lines = (...all: string[]): string => all.join("\n");

describe("trimQuotes", () => {
  it.each([
    ["English", "On Sat, Oct 31, 2026 at 10:00 AM Bob <bob@example.com> wrote:"],
    ["German", "Am 31.10.26 um 10:00 schrieb Bob:"],
    ["French", "Le 31 oct. 2026 à 10:00, Bob <bob@example.com> a écrit :"],
    ["Spanish", "El 31 oct 2026, a las 10:00, Bob <bob@example.com> escribió:"],
    ["Dutch", "Op 31 okt. 2026 om 10:00 schreef Bob <bob@example.com>:"],
    ["Chinese", "在 2026年10月31日，10:00，Bob <bob@example.com> 写道："],
    ["name only", "Bob <bob@example.com> wrote:"],
  ])("drops a trailing quote with its introduction: %s", (_, introduction) => {
    expect(trimQuotes(lines("Yes.", "", introduction, "", "> Noon?", "> Bob"))).toBe("Yes.");
  });

  it("drops an introduction over two lines", () => {
    expect(
      trimQuotes(
        lines("Yes.", "", "On Sat, Oct 31, 2026 at 10:00 AM, Robert Longname", "<bob@example.com> wrote:", "> Noon?"),
      ),
    ).toBe("Yes.");
  });

  it("drops a leading quote", () => {
    expect(trimQuotes(lines("Bob wrote:", "> Noon?", "", "Yes."))).toBe("Yes.");
  });

  it("keeps interleaved answers with what they answer", () => {
    const text = lines("> Noon?", "Yes.", "", "> Where?", "Here.");
    expect(trimQuotes(text)).toBe(text);
  });

  it("keeps a quote in the middle", () => {
    const text = lines("As you said:", "> Noon.", "That is fine.");
    expect(trimQuotes(text)).toBe(text);
  });

  it("never leaves nothing", () => {
    expect(trimQuotes("> Noon?")).toBe("> Noon?");
    expect(trimQuotes(lines("Bob wrote:", "> Noon?"))).toBe(lines("Bob wrote:", "> Noon?"));
  });

  it("keeps a forwarded mail whole", () => {
    const text = lines("Look:", "", "---------- Forwarded message ---------", "From: Bob", "> Noon?");
    expect(trimQuotes(text)).toBe(text);
  });

  it("drops what Outlook puts below without quoting it", () => {
    expect(trimQuotes(lines("Yes.", "", "-----Original Message-----", "From: Bob", "Noon?"))).toBe("Yes.");
    expect(
      trimQuotes(
        lines(
          "Ja.",
          "",
          "________________________________",
          "Von: Bob <bob@example.com>",
          "Gesendet: Samstag, 31. Oktober 2026 10:00",
          "An: Alice",
          "Betreff: Mittag",
          "",
          "Um zwölf?",
        ),
      ),
    ).toBe("Ja.");
  });

  it("drops a parent that is introduced but not quoted", () => {
    expect(
      trimQuotes(lines("Yes.", "", "On Sat, 31 Oct 2026, 10:00 am Bob <bob@example.com>", "wrote:", "", "Noon?")),
    ).toBe("Yes.");
    const text = lines("On 31 October 2026 somebody wrote:", "Noon is fine.");
    expect(trimQuotes(text)).toBe(text);
  });

  it("keeps lines that only look a little like a header", () => {
    const text = lines("From: here on it is easy.", "To: do", "", "That was all.");
    expect(trimQuotes(text)).toBe(text);
  });
});

describe("trimSignature", () => {
  it("cuts at the mark", () => {
    expect(trimSignature(lines("Yes.", "-- ", "Bob", "Example Ltd"))).toBe("Yes.");
    expect(trimSignature(lines("Yes.", "--", "Bob"))).toBe("Yes.");
  });

  it("does not take a rule of dashes in a long text for one", () => {
    const text = lines("One", "--", ..."abcdefghijkl".split(""));
    expect(trimSignature(text)).toBe(text);
  });

  it("never leaves nothing, unless there are files", () => {
    expect(trimSignature(lines("-- ", "Bob"))).toBe(lines("-- ", "Bob"));
    expect(trimSignature(lines("-- ", "Bob"), true)).toBe("");
  });

  it("cuts the footer of a mailing list", () => {
    expect(
      trimSignature(
        lines(
          "Yes.",
          "",
          "_______________________________________________",
          "dev mailing list",
          "https://lists.example.com/dev",
        ),
      ),
    ).toBe("Yes.");
  });
});

describe.skipIf(!hasCorpora)("on public answers", () => {
  it("finds the answer in many languages", () => {
    const trimmed = (name: string): string => trimQuotes(replyFixture(name).replaceAll("\r\n", "\n"));
    const left = corpus("reply-fixtures")
      .map(({ name }) => name)
      .filter((name) =>
        /^email_(?:german|portuguese|norwegian|danish|finnish|polish|italian|spanish|french|dutch|swedish)/.test(name),
      )
      .filter((name) => /^>/m.test(trimmed(name)));
    expect(left).toEqual([]);
  });

  it.each([
    ["email_1_6.txt", "reply-parser", "I get proper rendering as well.\n\nSent from a magnificent torch of pixels"],
    ["email_1_4.txt", "reply-parser", "Awesome! I haven't had another problem with it."],
    ["correct_sig.txt", "reply-parser", "this is an email with a correct -- signature."],
    ["email_1_3.txt", "reply-parser", "Oh thanks.\n\nHaving the function would be great.\n\n-Abhishek Kona"],
  ] as const)("leaves of %s what its author wrote", (name, folder, answer) => {
    const raw =
      corpus(folder)
        .find((file) => file.name === name)
        ?.raw.toString("utf8") ?? "";
    expect(trimSignature(trimQuotes(raw.replaceAll("\r\n", "\n")))).toBe(answer);
  });

  it("leaves something of every one of them", () => {
    for (const { name, raw } of [...corpus("reply-fixtures"), ...corpus("reply-parser")]) {
      const text = raw.toString("utf8").replaceAll("\r\n", "\n");
      if (text.trim() !== "") expect(trimSignature(trimQuotes(text)).trim(), name).not.toBe("");
    }
  });
});
