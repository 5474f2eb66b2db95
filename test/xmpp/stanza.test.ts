import { describe, expect, it } from "vitest";
import { NS } from "../../src/xmpp/ns.ts";
import { attr, child, children, cleanText, el, serialize, StanzaWriteError, textOf } from "../../src/xmpp/stanza.ts";
import { readError, StanzaError, stanzaError } from "../../src/xmpp/stanza-error.ts";

const reason = (write: () => unknown): string => {
  try {
    write();
  } catch (error) {
    if (error instanceof StanzaWriteError) return error.reason;
    throw error;
  }
  return "written";
};

describe("el and its readers", () => {
  it("leaves out what is undefined", () => {
    expect(serialize(el("message", { to: "a@b", id: undefined }, undefined, el("body", {}, "x"), undefined))).toBe(
      '<message to="a@b"><body>x</body></message>',
    );
  });

  it("reads attributes, children and texts by namespace", () => {
    const stanza = el(
      "message",
      { id: "1" },
      el("body", {}, "hello"),
      el("active", { xmlns: NS.chatStates }),
      el("x", { xmlns: NS.oob }, el("url", {}, "https://example.org/")),
    );
    expect(attr(stanza, "id")).toBe("1");
    expect(attr(stanza, "toString")).toBeUndefined();
    expect(textOf(stanza, "body")).toBe("hello");
    expect(textOf(stanza, "subject")).toBeUndefined();
    expect(child(stanza, "active", NS.chatStates)?.name).toBe("active");
    expect(child(stanza, "active", NS.receipts)).toBeUndefined();
    expect(children(stanza).map((node) => node.name)).toEqual(["body", "active", "x"]);
    const oob = child(stanza, "x", NS.oob);
    expect(oob && textOf(oob, "url", NS.oob)).toBe("https://example.org/");
  });
});

describe("serialize", () => {
  it("keeps line ends and white space, which XML would change", () => {
    expect(serialize(el("a", { b: "1\t2\n3\r4" }, "1\t2\n3\r\n4"))).toBe(
      '<a b="1&#9;2&#10;3&#13;4">1\t2\n3&#13;\n4</a>',
    );
  });

  it("does not take a stanza out of the component's namespace", () => {
    expect(serialize(el("message", { xmlns: NS.client, to: "a@b" }))).toBe('<message to="a@b"/>');
    expect(serialize(el("message", { xmlns: NS.component }))).toBe("<message/>");
    expect(
      serialize(el("message", {}, el("forwarded", { xmlns: NS.forward }, el("message", { xmlns: NS.client })))),
    ).toBe('<message><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client"/></forwarded></message>');
  });

  it("refuses more bytes than allowed, counted as UTF-8", () => {
    expect(reason(() => serialize(el("a", {}, "x".repeat(93)), { maxBytes: 100 }))).toBe("written");
    expect(reason(() => serialize(el("a", {}, "x".repeat(94)), { maxBytes: 100 }))).toBe("too-large");
    expect(reason(() => serialize(el("a", {}, "\u00e9".repeat(46)), { maxBytes: 100 }))).toBe("written");
    expect(reason(() => serialize(el("a", {}, "\u00e9".repeat(47)), { maxBytes: 100 }))).toBe("too-large");
    expect(reason(() => serialize(el("a", {}, "x".repeat(70_000))))).toBe("too-large");
  });

  it("refuses depth without overflowing the stack, and an element inside itself", () => {
    let deep = el("a");
    for (let i = 0; i < 10_000; i++) deep = el("a", {}, deep);
    expect(reason(() => serialize(deep, { maxBytes: 1e9 }))).toBe("too-deep");
    const loop = el("a");
    loop.children.push(loop);
    expect(reason(() => serialize(loop, { maxBytes: 1e9 }))).toBe("too-deep");
  });

  it.each(["a b", "a>", "", "1a", "a:b:c", "unknown:name", "a\u0000"])("refuses the name %j", (name) => {
    expect(reason(() => serialize(el("message", {}, el(name))))).toBe("bad-name");
    expect(reason(() => serialize(el("message", {}, el("x", { [name]: "1" }))))).toBe("bad-name");
  });

  it("takes prefixes that are declared", () => {
    expect(serialize(el("m", { "xmlns:p": "urn:p" }, el("p:x", { "p:y": "1", "xml:lang": "en" })))).toBe(
      '<m xmlns:p="urn:p"><p:x p:y="1" xml:lang="en"/></m>',
    );
  });
});

describe("cleanText", () => {
  it("replaces each forbidden character by one U+FFFD and nothing else", () => {
    expect(cleanText("a\u0000b\u0008c\u000bd\u001fe\ufffef\uffffg")).toBe(
      "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg",
    );
    expect(cleanText("\ud83d \ude00 \ud83d\ude00")).toBe("\ufffd \ufffd \ud83d\ude00");
    expect(cleanText("\t\n\r \u007f\u0085\u{1ffff}")).toBe("\t\n\r \u007f\u0085\u{1ffff}");
  });
});

describe("stanzaError", () => {
  const message = el(
    "message",
    { from: "alice@localhost/desk", to: "bob@email.localhost", id: "m'1\n" },
    el("body", {}, "secret"),
  );

  it("swaps the addresses, keeps the sender's id, and does not repeat what he wrote", () => {
    const error = stanzaError(message, "item-not-found", "Nobody has that address.", { by: "email.localhost" });
    expect(error && serialize(error)).toBe(
      '<message type="error" id="m&apos;1&#10;" from="bob@email.localhost" to="alice@localhost/desk">' +
        '<error type="cancel" by="email.localhost"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>' +
        '<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Nobody has that address.</text></error></message>',
    );
  });

  it("answers neither an error nor a result (X04)", () => {
    expect(stanzaError(el("message", { type: "error" }), "bad-request")).toBeUndefined();
    expect(stanzaError(el("presence", { type: "error" }), "bad-request")).toBeUndefined();
    expect(stanzaError(el("iq", { type: "result" }), "bad-request")).toBeUndefined();
    expect(stanzaError(el("iq", { type: "get" }), "bad-request")?.attrs.type).toBe("error");
  });

  it.each([
    ["registration-required", "auth"],
    ["resource-constraint", "wait"],
    ["jid-malformed", "modify"],
    ["service-unavailable", "cancel"],
  ] as const)("gives %s the type that RFC 6120 recommends: %s", (condition, type) => {
    const error = stanzaError(message, condition);
    expect(error && child(error, "error")?.attrs.type).toBe(type);
  });

  it("X17: an id is echoed whatever it holds; one of 64 KiB is left out, so that the error can be written", () => {
    for (const id of ["", "'\"<>&\r\n\u0000", "x".repeat(4096)]) {
      const error = stanzaError(el("message", { id, from: "a@b", to: "c" }), "bad-request");
      expect(error?.attrs.id).toBe(id);
      expect(error && serialize(error)).toContain("<bad-request");
    }
    const long = stanzaError(el("message", { id: "x".repeat(65_536), from: "a@b", to: "c" }), "bad-request");
    expect(long && serialize(long)).toMatch(/^<message type="error" from="c" to="a@b">/);
    expect(stanzaError(el("message", { from: "a@b" }), "bad-request")?.attrs.id).toBeUndefined();
  });
});

describe("readError", () => {
  it("reads condition, type and text", () => {
    const error = readError(
      el(
        "iq",
        { type: "error" },
        el(
          "error",
          { type: "wait" },
          el("policy-violation", { xmlns: NS.stanzaErrors }),
          el("text", { xmlns: NS.stanzaErrors }, "slow down"),
        ),
      ),
    );
    expect(error).toBeInstanceOf(StanzaError);
    expect([error.condition, error.type, error.text, error.message]).toEqual([
      "policy-violation",
      "wait",
      "slow down",
      "slow down",
    ]);
  });

  it.each([
    ["no error element", el("iq", { type: "error" })],
    ["an unknown condition", el("iq", {}, el("error", { type: "odd" }, el("odd", { xmlns: NS.stanzaErrors })))],
    ["a condition of another namespace", el("iq", {}, el("error", {}, el("forbidden", { xmlns: "urn:x" })))],
    ["a name that objects have", el("iq", {}, el("error", {}, el("constructor", { xmlns: NS.stanzaErrors })))],
  ])("reads %s as undefined-condition", (_, stanza) => {
    expect(readError(stanza).condition).toBe("undefined-condition");
    expect(readError(stanza).type).toBe("cancel");
  });
});
