import { describe, expect, it } from "vitest";
import { htmlToPlain } from "../../../../bridges/email/text/html.ts";

describe("htmlToPlain", () => {
  it("keeps paragraphs, lists, quotes and the targets of links", () => {
    const html =
      '<h1>Hi</h1><p>See <a href="https://example.com/x">this</a>.</p><ul><li>one</li><li>two</li></ul><blockquote>old<br>words</blockquote><p>Bye&nbsp;now</p>';
    expect(htmlToPlain(html)).toBe(
      "Hi\n\nSee this <https://example.com/x>.\n\n- one\n- two\n\n> old\n> words\n\nBye now",
    );
  });

  it("shows a link once when its text is its target, and none without one", () => {
    expect(
      htmlToPlain('<a href="https://example.com">https://example.com</a> <a href="">top</a> <a href="#x">down</a>'),
    ).toBe("https://example.com top down");
  });

  it("shows where a link really leads", () => {
    expect(htmlToPlain('<a href="https://evil.example">https://bank.example</a>')).toBe(
      "https://bank.example <https://evil.example>",
    );
  });

  it.each([
    '<div style="display:none">preheader</div>',
    "<div style='color:red; Display : None !important'>preheader</div>",
    '<span style="font-size:0px">preheader</span>',
    '<div style="max-height: 0; overflow:hidden">preheader</div>',
    '<div style="opacity:0">preheader</div>',
    "<div hidden>preheader</div>",
  ])("drops what is hidden: %s", (hidden) => {
    expect(htmlToPlain(`${hidden}<p>Shown</p>`)).toBe("Shown");
  });

  it.each([
    '<p style="font-size:0.9em">Shown</p>',
    '<p style="opacity:0.5">Shown</p>',
    '<p style="max-height:05px">Shown</p>',
  ])("keeps what is only small or pale: %s", (html) => {
    expect(htmlToPlain(html)).toBe("Shown");
  });

  it("shows the hidden rather than nothing", () => {
    expect(htmlToPlain('<div style="display:none">all there is</div>')).toBe("all there is");
  });

  it("separates the cells of a layout table", () => {
    expect(htmlToPlain("<table><tr><td>Total</td><td>5 EUR</td></tr><tr><td>Tax</td><td>1 EUR</td></tr></table>")).toBe(
      "Total 5 EUR\nTax 1 EUR",
    );
  });

  it("E20: drops scripts, styles, pictures, frames and forms' raw text", () => {
    const html =
      '<script>alert(1)</script><style>p{}</style><svg><text>drawn</text></svg><img src="https://track.example/p.gif" alt="pixel"><iframe src="https://x.example">frame</iframe><textarea><b>raw</b></textarea><object data="cid:1">obj</object><p>Shown</p>';
    expect(htmlToPlain(html)).toBe("Shown");
  });
});
