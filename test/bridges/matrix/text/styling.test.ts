import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { htmlToStyling } from "../../../../bridges/matrix/text/html.ts";
import { hasStyling, stylingToHtml } from "../../../../bridges/matrix/text/styling.ts";

describe("stylingToHtml", () => {
  it.each([
    ["*strong* _em_ ~gone~ `co*d*e`", "<strong>strong</strong> <em>em</em> <del>gone</del> <code>co*d*e</code>"],
    ["*strong*plain*", "<strong>strong</strong>plain*"],
    ["* plain *strong*", "* plain <strong>strong</strong>"],
    ["*_both_*", "<strong><em>both</em></strong>"],
    ["*this _is* nested_", "<strong>this _is</strong> nested_"],
    ['*a* <b>&"', "<strong>a</strong> &lt;b&gt;&amp;&quot;"],
    ["> q\n> > r\nme", "<blockquote>q<blockquote>r</blockquote></blockquote>me"],
    [">q\n\n> r", "<blockquote>q</blockquote><blockquote>r</blockquote>"],
    ["```\n*x* <y>\n```\nafter", "<pre><code>*x* &lt;y&gt;\n</code></pre>after"],
    ["```js\nx\n", '<pre><code class="language-js">x\n\n</code></pre>'],
    ['```"><script>\nx\n```', "<pre><code>x\n</code></pre>"],
    ["> ```\n> x\nme", "<blockquote><pre><code>x\n</code></pre></blockquote>me"],
    ["a\n*b*", "a<br><strong>b</strong>"],
  ])("%j", (text, html) => {
    expect(stylingToHtml(text)).toBe(html);
  });

  it.each([
    "plain",
    "2 * 3 * 4",
    "a_b_c snake_case",
    "**",
    "****",
    "not strong*",
    "*not strong",
    "*not *strong",
    "<b>&",
    "a\n\nb",
  ])("leaves %j plain", (text) => {
    expect(stylingToHtml(text)).toBeUndefined();
    expect(hasStyling(text)).toBe(false);
  });

  it("comes back from HTML as it was", () => {
    const word = fc.stringMatching(/^[a-z]{1,6}$/);
    const span = fc.tuple(fc.constantFrom("", "*", "_", "~", "`"), word).map(([mark, text]) => `${mark}${text}${mark}`);
    const line = fc.array(span, { minLength: 1, maxLength: 5 }).map((spans) => spans.join(" "));
    const lines = fc.array(line, { minLength: 1, maxLength: 4 }).map((all) => all.join("\n"));
    fc.assert(
      fc.property(lines, (text) => {
        const html = stylingToHtml(text);
        fc.pre(html !== undefined);
        expect(htmlToStyling(html)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});
