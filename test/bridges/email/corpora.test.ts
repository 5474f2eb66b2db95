// Mail that nobody here wrote.
import { describe, expect, it } from "vitest";
import { fullText } from "../../../bridges/email/mime-to-message.ts";
import { corpus, corpusMail, hasCorpora } from "./corpora.ts";
import { arrival, fromImap, open } from "./mails.ts";

const reader = "reader@viaduct.example";

describe.skipIf(!hasCorpora)("every mail of the Delta Chat corpus", () => {
  it.each(corpus("delta-chat").map(({ name, raw }) => [name, raw] as const))("arrives: %s", async (_, raw) => {
    const message = await open(raw, fromImap, reader);
    expect(message.text.trim() !== "" || message.attachments !== undefined).toBe(true);
    // A notice would mean that a mail which others can read is not read here.
    expect(message.text).not.toContain("could not be shown");
    expect(message.text).toMatch(/^[\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
    expect(message.sentAt).toBeLessThanOrEqual(arrival + 86_400_000);
    expect((await fullText(raw)).trim()).not.toBe("");
  });
});

describe.skipIf(!hasCorpora)("single mails of the corpus", () => {
  const text = async (name: string): Promise<string> => (await open(corpusMail(name), fromImap, reader)).text;

  it.each([
    ["text_plain_iso88591.eml", "message with a non-UTF-8 encoding: äöüßÄÖÜ"],
    [
      "text_plain_flowed.eml",
      "This line ends with a space and will be merged with the next one due to format=flowed.\n\nThis line does not end with a space\nand will be wrapped as usual.",
    ],
    ["text_plain_escaped_footer.eml", "-- escaped footer 1\n-- escaped footer 2"],
    ["text_alt_plain_html.eml", "this is plain"],
    ["text_html.eml", "mime-modified set; simplify is always regarded as lossy."],
    ["allinkl-quote.eml", "It's 1.0."],
    ["gmx-quote.eml", "YIPPEEEEEE\n\nMulti-line"],
    ["quote_attach.eml", "Reply"],
    ["mailinglist_with_mimepart_footer.eml", "Hi mr ... [text part]"],
  ])("%s reads as its author meant it", async (name, expected) => {
    expect(await text(name)).toBe(expected);
  });

  it("cp1252-html.eml keeps its umlauts", async () => {
    expect(await text("cp1252-html.eml")).toMatch(/^foo bar ä ö ü ß\n/);
  });

  it.each([
    ["attach_filename_simple.eml", "test.html"],
    ["attach_filename_apostrophed.eml", "Maßnahmen Okt. 2021.html"],
    ["attach_filename_apostrophed_cont.eml", "Maßnahmen März 2022.html"],
    ["attach_filename_apostrophed_cp1252.eml", "Auftragsbestätigung.pdf"],
    ["attach_filename_apostrophed_invalid.eml", "somedäüta.html.zip"],
    ["attach_filename_apostrophed_windows1251.eml", "программирование.HTM"],
    ["attach_filename_combined.eml", "Maßnahmen Okt. 2020.ignored.html"],
    ["attach_filename_encoded_words.eml", "Maßnahmen Okt. 2020.html"],
    ["attach_filename_encoded_words_binary.eml", "§ 165 Abs"],
    ["attach_filename_encoded_words_cont.eml", "Maßn'ah'men Okt. 2020.html"],
    ["attach_filename_encoded_words_windows1251.eml", "file Что нового 2020.pdf"],
    ["pdf_filename_continuation.eml", "test pdf äöüß.pdf"],
  ])("%s has the file %j", async (name, file) => {
    expect((await open(corpusMail(name), fromImap, reader)).attachments?.map((attachment) => attachment.name)).toEqual([
      file,
    ]);
  });

  it.each([
    "gmail_ndn.eml",
    "gmail_ndn_group.eml",
    "gmx_ndn.eml",
    "yahoo_ndn.eml",
    "posteo_ndn.eml",
    "tiscali_ndn.eml",
    "testrun_ndn.eml",
    "dsn_relayed.eml",
    "ms_exchange_report_disposition_notification.eml",
    "mailinglist_dhl.eml",
  ])("%s is automatic", async (name) => {
    expect((await open(corpusMail(name), fromImap, reader)).automatic).toBe(true);
  });

  it.each(["text_plain_unspecified.eml", "mail_with_cc.txt", "quote_attach.eml"])(
    "%s is from a person",
    async (name) => {
      expect((await open(corpusMail(name), fromImap, reader)).automatic).toBeUndefined();
    },
  );
});
