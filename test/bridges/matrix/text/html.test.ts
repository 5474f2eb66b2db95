import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { htmlToStyling } from "../../../../bridges/matrix/text/html.ts";

describe("htmlToStyling", () => {
  it.each([
    ["<strong>b</strong> <em>i</em> <del>d</del> <code>x*y</code>", "*b* _i_ ~d~ `x*y`"],
    ["<b>b</b> <i>i</i> <s>d</s> <u>u</u> <font color='red'>f</font>", "*b* _i_ ~d~ u f"],
    ["<b><i>both</i> one</b>", "*_both_ one*"],
    ["say <b>hi</b>, <i>you</i>!", "say *hi*, _you_!"],
    ["a <b> x </b>b", "a *x* b"],
    ["un<b>believ</b>able", "unbelievable"],
    ["un<b><i>believ</i></b>able", "unbelievable"],
    ["<b>5 * 3</b>", "5 * 3"],
    ["<b>a<br>b</b>", "*a*\n*b*"],
    ["<b><p>a</p><p>b</p></b>", "*a*\n\n*b*"],
    ["<p>one</p>\n<p>two</p>", "one\n\ntwo"],
    ["<h1>Head <b>x</b></h1>text", "*Head x*\n\ntext"],
    ["<ul><li>a</li><li><b>b</b><ul><li>c</li></ul></li></ul>end", "- a\n- *b*\n  - c\nend"],
    ["<ol start=3><li>a</li><li>b</li></ol>", "3. a\n4. b"],
    ["<blockquote><p>q <b>w</b></p></blockquote>me", "> q *w*\n\nme"],
    ["<blockquote><b>a<br>b</b></blockquote>", "> *a*\n> *b*"],
    [
      "<pre><code class='language-js'>let a = `1`;\n\n\n  b\n```\n</code></pre>after",
      "```\nlet a = `1`;\n\n\n  b\n ```\n```\nafter",
    ],
    ["<b><pre>*x*</pre></b>", "```\n*x*\n```"],
    ["<blockquote><pre>x\ny</pre></blockquote>", "> ```\n> x\n> y\n> ```"],
    ["a<hr>b", "a\n---\nb"],
    ["<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>", "A B\n1 2"],
    ["<details><summary>S</summary>body</details>", "S\nbody"],
    ['<span data-mx-spoiler="who did it">Bob</span>', "[spoiler: who did it] Bob"],
    ["<span data-mx-spoiler>Bob</span>", "[spoiler] Bob"],
    ['<img data-mx-emoticon src="mxc://a/b" alt=":party:"> <img src="mxc://a/b">', ":party: [image]"],
    ["<mx-reply><blockquote>old</blockquote></mx-reply>new", "new"],
    ["5 &lt; 6 &amp;&amp; &quot;x&quot;", '5 < 6 && "x"'],
    ["<blink>old</blink> <my-tag>x</my-tag>", "old x"],
  ])("turns %s into text", (html, text) => {
    expect(htmlToStyling(html)).toBe(text);
  });

  it.each([
    ['<a href="https://matrix.to/#/@alice:example.org">Alice</a>: hi', "Alice: hi"],
    ['<a href="https://matrix.to/#/#room:example.org"></a>', "#room:example.org"],
    ['<a href="https://example.org/x">here</a>', "here (https://example.org/x)"],
    ['<a href="https://example.org/x">https://example.org/x</a>', "https://example.org/x"],
    ['<a href="https://evil.example">https://bank.example</a>', "https://bank.example (https://evil.example)"],
    ['<a href="mailto:bob@example.org">bob@example.org</a>', "bob@example.org"],
    ['<a href="https://matrix.to/#/!r:example.org/$e">this</a>', "this (https://matrix.to/#/!r:example.org/$e)"],
  ])("shows where %s leads", (html, text) => {
    expect(htmlToStyling(html)).toBe(text);
  });

  it.each([
    ['<a href="javascript:alert(1)">x</a>', "x"],
    ['<a href=" java\nscript:alert(1)">x</a>', "x"],
    ['<a href="data:text/html,x">x</a>', "x"],
    ["x<script>alert(1)</script><style>p{}</style><svg><text>t</text></svg>", "x"],
    ['<img src="https://track.example/p.gif">', "[image]"],
    ['<a href="https://a.example/\nb c">x</a>', "x (https://a.example/%20b%20c)"],
  ])("X28: makes %j harmless", (html, text) => {
    expect(htmlToStyling(html)).toBe(text);
  });

  it("leaves it to the plain body when there is nothing to show", () => {
    expect(htmlToStyling("<p><b></b></p>")).toBeUndefined();
    expect(htmlToStyling("")).toBeUndefined();
  });

  it("never throws and never lets marks or forbidden characters through", () => {
    const piece = fc.constantFrom(
      ...["<b>", "</b>", "<i>", "</i>", "<code>", "</code>", "<pre>", "</pre>", "<p>", "<br>", "<li>", "<ul>", "</ul>"],
      ...[
        "<blockquote>",
        "</blockquote>",
        "&#xfdd0;",
        "&#xfdd8;```",
        "\ufdd1",
        "&#0;",
        "\u0008",
        "a",
        " ",
        "\n",
        "*",
        "```",
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        expect(htmlToStyling(pieces.join("")) ?? "").toMatch(/^[\t\n\u0020-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd]*$/u);
      }),
      { numRuns: 1000 },
    );
  });
});
