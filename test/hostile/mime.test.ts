// Mail made to harm. Named by the abuse cases of the security design.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contentKey, originalId } from "../../bridges/email/content-key.ts";
import { fullText, noticeFor } from "../../bridges/email/mime-to-message.ts";
import { corpus, hasCorpora } from "../bridges/email/corpora.ts";
import { fromBob, fromImap, mail, open } from "../bridges/email/mails.ts";

const xmlText = /^[\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

async function timed<T>(work: () => T | Promise<T>): Promise<{ result: T; ms: number }> {
  const start = performance.now();
  const result = await work();
  return { result, ms: performance.now() - start };
}

/** Not a measure of speed: what grows with the square of the input takes minutes here. */
const patience = 60_000;

describe("E16: mails built too big", () => {
  it("of 400,000 parts become a notice at once", async () => {
    const raw = fromBob(['Content-Type: multipart/mixed; boundary="b"'], [`${"--b\r\n\r\n".repeat(400_000)}--b--`]);
    const { result, ms } = await timed(() => open(raw));
    expect(result.text).toContain(
      'A mail from Bob <bob@example.com>, "Lunch", sent 2026-10-31 10:00 UTC, 2.8 MB, could not be shown because it has too many parts.',
    );
    expect([result.id, result.automatic]).toEqual(["<1@example.com>", false]);
    expect(ms).toBeLessThan(patience);
  });

  it("of a few parts too many become a notice too, and of 900 parts are read", async () => {
    const parts = (count: number): Buffer =>
      fromBob(['Content-Type: multipart/mixed; boundary="b"'], [`${"--b\r\n\r\nx\r\n".repeat(count)}--b--`]);
    expect((await open(parts(1100))).text).toContain("it has too many parts");
    expect((await open(parts(900))).text.startsWith("x\n\nx")).toBe(true);
  });

  it("nested 3,000 deep become a notice", async () => {
    const levels = Array.from(
      { length: 3000 },
      (_, index) => `Content-Type: multipart/mixed; boundary="b${index}"\r\n\r\n--b${index}`,
    );
    const { result, ms } = await timed(() => open(mail("From: bob@example.com", levels.join("\r\n"), "", "deep")));
    expect(result.text).toMatch(/could not be shown because (?:its parts are nested too deeply|it has too many parts)/);
    expect(ms).toBeLessThan(patience);
  });

  it("nested 60 deep are read", async () => {
    const levels = Array.from(
      { length: 60 },
      (_, index) => `Content-Type: multipart/mixed; boundary="b${index}"\r\n\r\n--b${index}`,
    );
    expect((await open(mail("From: bob@example.com", levels.join("\r\n"), "", "deep"))).text).toBe("deep");
  });

  it("with mails inside mails inside mails end somewhere", async () => {
    const raw = mail(
      ...Array.from({ length: 500 }, (_, index) => `Subject: ${index}\r\nContent-Type: message/rfc822\r\n`),
      "Subject: last",
      "",
      "text",
    );
    const { result, ms } = await timed(() => open(raw));
    expect(result.text).toContain("---------- Forwarded message ----------\nSubject: 1");
    expect(ms).toBeLessThan(patience);
  });

  it("with 50,000 header fields become a notice or a message, quickly", async () => {
    const raw = mail(
      "From: bob@example.com",
      ...Array.from({ length: 50_000 }, (_, index) => `X-Filler-${index}: ${"x".repeat(20)}`),
      "",
      "Hi",
    );
    const { result, ms } = await timed(() => open(raw));
    expect(result.text).toContain("could not be shown because its header is too long");
    expect(result.from).toBe("bob@example.com");
    expect(ms).toBeLessThan(patience);
  });

  it.each([
    ["References", `References: ${"<a@b> ".repeat(100_000)}`],
    ["To", `To: ${"x <a@b.example>, ".repeat(40_000)}`],
    ["open angles in To", `To: ${"<".repeat(500_000)}`],
    ["comments in From", `From: ${"(".repeat(200_000)}bob@example.com`],
    ["quotes in From", `From: ${'"\\'.repeat(100_000)}bob@example.com`],
    ["groups in From", `From: ${"a:".repeat(100_000)};`],
    ["encoded words", `Subject: ${"=?utf-8?Q?=41?= ".repeat(50_000)}`],
    ["half encoded words", `Subject: ${"=?utf-8?Q?".repeat(80_000)}`],
    ["answer marks", `Subject: ${"Re: ".repeat(200_000)}`],
    ["list tags", `Subject: ${"[".repeat(500_000)}`],
    ["spaces", `Subject: a${" ".repeat(900_000)}b`],
    ["folds", `Subject: a${"\r\n b".repeat(200_000)}`],
    ["Date", `Date: ${"(".repeat(500_000)}`],
    ["parameters", `Content-Type: text/plain${"; a=b".repeat(100_000)}`],
    [
      "RFC 2231 sections",
      `Content-Type: text/plain${Array.from({ length: 20_000 }, (_, index) => `; name*${index}=a`).join("")}`,
    ],
  ])("with one enormous field are read quickly: %s", async (_, line) => {
    const raw = fromBob([line], ["Hi"]);
    const { result, ms } = await timed(() => open(raw));
    expect(result.text).not.toBe("");
    expect(result.context).toBeDefined();
    expect(ms).toBeLessThan(patience);
    const notice = await timed(() => noticeFor(raw, fromImap, "alice@example.org", "of a test"));
    expect(notice.ms).toBeLessThan(patience);
  });

  it("of 8 MB in one base64 part are read", async () => {
    const raw = fromBob(
      ['Content-Type: application/zip; name="bomb.zip"', "Content-Transfer-Encoding: base64"],
      [`${"A".repeat(76)}\r\n`.repeat(105_000)],
    );
    const { result, ms } = await timed(() => open(raw));
    expect(result.attachments).toMatchObject([{ name: "bomb.zip", type: "application/zip", size: 5_985_000 }]);
    expect(ms).toBeLessThan(patience);
  });
});

describe("E21: text made to be slow", () => {
  const answer = ["In-Reply-To: <0@example.org>", "Subject: Re: Lunch", "Content-Type: text/plain"];
  it.each([
    ["quotes", "> ".repeat(300_000)],
    ["quoted lines", "> x\r\n".repeat(30_000)],
    ["quotes and blanks", "> x\r\n\r\n".repeat(15_000)],
    ["interleaved", "> x\r\ny\r\n".repeat(15_000)],
    ["introductions", "On 1 Bob <b@example.com> wrote\r\n".repeat(15_000)],
    ["header lines", "From: a <b@example.com>\r\n".repeat(15_000)],
    ["dashes", "-".repeat(500_000)],
    ["signature marks", "-- \r\n".repeat(30_000)],
    ["underscores", "_".repeat(500_000)],
    ["spaces", " ".repeat(500_000)],
    ["spaced lines", ` ${" ".repeat(100)}\r\n`.repeat(5000)],
    ["colons", "On : : : ".repeat(50_000)],
    ["addresses", "a@b.example ".repeat(50_000)],
    ["flowed", "x ".repeat(250_000)],
  ])("%s", async (_, body) => {
    const { result, ms } = await timed(() => open(fromBob(answer, [body, "end"])));
    expect(result.text).not.toBe("");
    expect(ms).toBeLessThan(patience);
  });

  it.each([
    ["100,000 nested div", "<div>".repeat(100_000)],
    ["3,000 nested tables", "<table><tr><td>".repeat(3000)],
    ["nested behind stray closing tags", "<div></p></b>".repeat(50_000)],
    ["nested quotes", "<blockquote>".repeat(900)],
    ["nested lists", "<ul><li>".repeat(450)],
    ["open styles", "<style>".repeat(100_000)],
    ["open scripts above the size", "<script>".repeat(200_000)],
    ["open comments", "<!--".repeat(200_000)],
    ["open angles", "<".repeat(500_000)],
    ["open attributes", '<a href="'.repeat(80_000)],
    ["styles", '<p style="x'.repeat(80_000)],
    ["entities", "&#x41;".repeat(150_000)],
    ["ampersands", "&".repeat(500_000)],
    ["line breaks", "<br>".repeat(200_000)],
    ["spaces", `<p>${" ".repeat(900_000)}</p>`],
    ["5 MB of paragraphs", "<p>word</p>".repeat(450_000)],
  ])("HTML: %s", async (_, html) => {
    const { result, ms } = await timed(() =>
      open(fromBob(["Content-Type: text/html; charset=utf-8"], [`<p>first</p>${html}`])),
    );
    expect(result.text).not.toBe("");
    expect(ms).toBeLessThan(patience);
  });
});

describe("E19: charset tricks", () => {
  it.each([
    ["Content-Type: text/plain; charset=utf-7", "+ADw-script+AD4-", "<script>"],
    ["Content-Type: text/plain; charset=no-such-thing", "Hi", "Hi"],
    ['Content-Type: text/plain; charset="utf-8\u0000"', "Hi", "Hi"],
    ["Content-Type: text/plain; charset=utf-16", "H\u0000i\u0000", "Hi"],
  ])("%s", async (line, body, text) => {
    expect((await open(fromBob([line], [body]))).text.trim()).toContain(text);
  });

  it("replaces what no encoding allows", async () => {
    const raw = Buffer.concat([
      fromBob(["Content-Type: text/plain; charset=utf-8"], ["äöüäöüäöü "]),
      Buffer.from([0xff, 0xc3, 0xed, 0xa0, 0x80]),
    ]);
    expect((await open(raw)).text).toMatch(/^äöüäöüäöü \ufffd+$/);
  });

  it("reads headers of raw bytes, of lone surrogates and of enormous encoded words", async () => {
    const raw = Buffer.concat([
      Buffer.from("Subject: "),
      Buffer.from([0xed, 0xa0, 0x80, 0xff, 0x00]),
      fromBob([`X: =?utf-8?B?${"8J+Y".repeat(50_000)}?=`, "Subject: y"], ["Hi"]),
    ]);
    const message = await open(raw);
    expect(message.subject ?? "").toMatch(xmlText);
    expect(message.text).toBe("Hi");
  });
});

describe("E20: HTML that wants to load or run something", () => {
  it("leaves only words", async () => {
    const html =
      '<html><head><title>t</title><meta http-equiv=refresh content="0;url=https://evil.example"></head><body onload=alert(1)><script>alert(1)</script><svg onload=alert(1)><script>x</script></svg><xmp><img src=https://evil.example/x></xmp><p>Words</p><img src="https://evil.example/pixel?id=1"><link rel=stylesheet href=https://evil.example></body></html>';
    const message = await open(fromBob(["Content-Type: text/html"], [html]));
    expect(message.text).toContain("Words");
    expect(message.text).not.toMatch(/alert|pixel|refresh|stylesheet/);
  });
});

describe("E17: file names", () => {
  it("are labels, whatever they hold, and two may be the same", async () => {
    const part = (name: string): string =>
      `--b\r\nContent-Type: text/x-a\r\nContent-Disposition: attachment; filename="${name}"\r\n\r\nx`;
    const names = ["../../x", "..\\\\..\\\\x", "a\u0000b", "n".repeat(10_000), "\u202egpj.exe", "CON", "x", "x"];
    const message = await open(fromBob(['Content-Type: multipart/mixed; boundary="b"'], [...names.map(part), "--b--"]));
    expect(message.attachments?.map(({ name }) => name)).toEqual([
      "x",
      "x",
      "ab",
      "n".repeat(120),
      "gpj.exe",
      "_CON",
      "x",
      "x",
    ]);
  });
});

describe("bytes that are no mail", () => {
  it("become a message all the same", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        const message = await open(bytes);
        expect(message.text).not.toBe("");
        expect(message.text).toMatch(xmlText);
      }),
      { numRuns: 300 },
    );
  });
});

describe.skipIf(!hasCorpora)("mutated mails of the corpus", () => {
  const small = corpus("delta-chat").filter(({ raw }) => raw.length < 20_000);
  const pieces = [
    "\r\n",
    "\n",
    "\r",
    "\u0000",
    "--",
    "=?",
    "?=",
    "<",
    ">",
    '"',
    "(",
    ":",
    ";",
    "=",
    "boundary=",
    "charset=utf-7",
    "Content-Type: multipart/mixed\r\n",
    "\u00ff",
    "\u202e",
    "=ED=A0=80",
  ];
  const mutation = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(40),
    insert: fc.oneof(
      fc.constantFrom(...pieces).map((text) => Buffer.from(text, "latin1")),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    ),
  });

  function mutate(raw: Buffer, changes: readonly { at: number; cut: number; insert: Buffer }[]): Buffer {
    return changes.reduce((bytes, { at, cut, insert }) => {
      const position = Math.floor(at * bytes.length);
      return Buffer.concat([bytes.subarray(0, position), insert, bytes.subarray(position + cut)]);
    }, raw);
  }

  it("always arrive as one message that XML can carry", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(small.length - 1),
        fc.array(mutation, { minLength: 1, maxLength: 12 }),
        async (index, changes) => {
          const raw = mutate(small[index]?.raw ?? Buffer.alloc(0), changes);
          const message = await open(raw);
          // A mail that is nothing but its files shows those.
          if (!message.attachments?.length) expect(message.text.trim()).not.toBe("");
          for (const text of [message.text, message.subject, message.name, message.note])
            expect(text ?? "").toMatch(xmlText);
          for (const id of [message.id, ...(message.replyTo ?? [])]) expect(id).toMatch(/^<[!-;=?-~]{1,900}>$/);
          expect(message.peer.id).toMatch(/^[^\s@]+@[a-z0-9.-]+$/);
          expect(message.name ?? "").not.toMatch(/[@<>]/);
          expect(JSON.parse(JSON.stringify(message.context))).toEqual(message.context);
          expect(await fullText(raw)).toMatch(xmlText);
          expect(contentKey(raw)).toMatch(/^[0-9a-f]{64}$/);
          expect(originalId(raw, "a@example.org")).toMatch(/^[0-9a-f]{64}$/);
        },
      ),
      { numRuns: 400 },
    );
  });
});
