import { describe, expect, it } from "vitest";
import { stylingToHtml } from "../../../../bridges/email/text/styling.ts";

const body = (text: string): string =>
  stylingToHtml(text).replace("<!DOCTYPE html><html><body>", "").replace("</body></html>", "");

describe("stylingToHtml", () => {
  it.each([
    ["plain", "<div>plain</div>"],
    ["*bold* _it_ ~gone~ `co*d*e`", "<div><strong>bold</strong> <em>it</em> <s>gone</s> <code>co*d*e</code></div>"],
    ["*_both_*", "<div><strong><em>both</em></strong></div>"],
    ["2 * 3 * 4", "<div>2 * 3 * 4</div>"],
    ["a_b_c snake_case", "<div>a_b_c snake_case</div>"],
    ["** not", "<div>** not</div>"],
    ["*no * close", "<div>*no * close</div>"],
    ['<b>&"', "<div>&lt;b&gt;&amp;&quot;</div>"],
    ["one\n\ntwo", "<div>one<br>\n<br>\ntwo</div>"],
    ["> q\n>> r\nme", "<blockquote><div>q</div>\n<blockquote><div>r</div></blockquote></blockquote>\n<div>me</div>"],
    ["```\n*x* <y>\n```\nafter", "<pre>*x* &lt;y&gt;</pre>\n<div>after</div>"],
    ["```\nopen", "<pre>open</pre>"],
    [
      "see https://x.test/a_b_c?d=1&e=2.",
      '<div>see <a href="https://x.test/a_b_c?d=1&amp;e=2">https://x.test/a_b_c?d=1&amp;e=2</a>.</div>',
    ],
    ["javascript:alert(1)", "<div>javascript:alert(1)</div>"],
  ])("%j", (text, html) => {
    expect(body(text)).toBe(html);
  });

  it("costs little on hostile text", () => {
    const start = performance.now();
    for (const text of [
      "*".repeat(50_000),
      "*a ".repeat(20_000),
      ">".repeat(50_000),
      "```\n".repeat(20_000),
      "_*~`".repeat(10_000),
    ])
      stylingToHtml(text);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
