// Each law on evidence written by hand: it says nothing about a good run, and names what is wrong with a bad one.
import { describe, expect, it } from "vitest";
import { type Evidence, judge } from "./harness/checks.ts";
import { findLeaks } from "./harness/gateway-ledger.ts";
import type { ReceivedEntry, SentEntry } from "./harness/ledger.ts";
import { composeMarked, normalise, readMarked } from "./harness/marker.ts";

const sent = (seq: number, outcome?: "ok" | "error"): SentEntry[] => [
  { kind: "sent", marker: `m${seq}`, lane: "oa0", seq, to: "bob@example.test", at: 0 },
  ...(outcome ? [{ kind: "saw", marker: `m${seq}`, outcome, detail: "so it was told", at: 0 } as const] : []),
];
const received = (seq: number, change: Partial<ReceivedEntry> = {}): ReceivedEntry => ({
  ...{ marker: `m${seq}`, lane: "oa0", seq, intact: true, id: `<${seq}@x>`, to: "bob@example.test", at: 0 },
  ...change,
});
const findings = (change: Partial<Evidence>, tolerance = { repeats: 0, unanswered: 0 }): string[] => {
  const good = {
    sent: sent(1, "ok"),
    received: [received(1)],
    gateway: { waiting: [], integrity: "ok", delivered: new Map() },
    leaks: [],
  };
  return judge({ ...good, ...change }, tolerance).findings.map(({ law, text }) => `${law} ${text}`);
};

describe("the laws", () => {
  it("find nothing in a good run", () => expect(findings({})).toEqual([]));
  it("L1: an accepted message is there, once, and was not refused as well", () => {
    expect(findings({ received: [] })).toEqual(["L1 m1 was accepted (so it was told) and is lost"]);
    expect(findings({ received: [received(1), received(1, { id: "<2@x>" })] })).toEqual([
      "L1 m1 was received under 2 ids: <1@x>, <2@x>",
    ]);
    expect(findings({ sent: [...sent(1, "ok"), ...sent(1, "error").slice(1)] })).toEqual([
      "L1 m1 was confirmed (so it was told) and refused (so it was told)",
    ]);
  });
  it("L1: what the gateway counts as delivered is there, whatever the sender was told", () => {
    const gateway = { waiting: [], integrity: "ok", delivered: new Map([["bob@example.test", 2]]) };
    expect(findings({ gateway, sent: [...sent(1, "ok"), ...sent(2)] }, { repeats: 0, unanswered: 1 })).toEqual([
      "L1 the gateway counts 2 messages to bob@example.test as delivered, 1 are there",
    ]);
  });
  it("L2: a refused message is not there", () =>
    expect(findings({ sent: sent(1, "error") })).toEqual([
      "L2 m1 was refused (so it was told) and received all the same",
    ]));
  it("L3: repeats and silence stay within what the faults explain", () => {
    expect(findings({ received: [received(1), received(1)] })).toEqual([
      "L3 1 repeats under the same id, 0 are the most that the faults explain",
    ]);
    expect(findings({ received: [received(1), received(1)] }, { repeats: 1, unanswered: 0 })).toEqual([]);
    expect(findings({ sent: sent(1), received: [] })).toEqual([
      "L3 1 messages met silence, 0 are the most that the faults explain",
    ]);
    expect(findings({ sent: sent(1), received: [received(1), received(1, { id: "<2@x>" })] })).toEqual([
      "L3 m1 was received under 2 ids: <1@x>, <2@x>",
    ]);
  });
  it("L4: nothing comes that was not sent", () =>
    expect(findings({ received: [received(1), received(7)] })).toEqual([
      "L4 m7 was received by bob@example.test and never sent",
    ]));
  it("L5: the text is the one that was sent", () =>
    expect(findings({ received: [received(1, { intact: false })] })).toEqual(["L5 m1 arrived with another text"]));
  it("L6: a lane keeps its order, repeats aside", () => {
    const two = [...sent(1, "ok"), ...sent(2, "ok")];
    expect(findings({ sent: two, received: [received(2), received(1)] })).toEqual(["L6 m1 came after m2"]);
    expect(
      findings({ sent: two, received: [received(1), received(2), received(1)] }, { repeats: 1, unanswered: 0 }),
    ).toEqual([]);
    const places = new Map([
      ["m1", 9],
      ["m2", 8],
    ]);
    expect(findings({ sent: two, received: [received(2), received(1)], places })).toEqual([]);
    expect(findings({ sent: two, received: [received(1), received(2)], places })).toEqual(["L6 m2 came after m1"]);
  });
  it("L7: nobody else gets it", () =>
    expect(findings({ received: [received(1, { to: "eve@example.test" })] })).toEqual([
      "L7 m1 is for bob@example.test and went to eve@example.test",
    ]));
  it("L8: no row waits and the database is whole", () =>
    expect(findings({ gateway: { waiting: ["row 5"], integrity: "page 3 is torn", delivered: new Map() } })).toEqual([
      "L8 not final: row 5",
      "L8 integrity_check: page 3 is torn",
    ]));
  it("L9: secrets and texts are in no log, also not inside a SASL answer", () => {
    const sasl = Buffer.from("\0alice@example.test\0open-sesame-42").toString("base64");
    const secrets = { mail: "open-sesame-42" };
    expect(findLeaks("no-such-file", `AUTH PLAIN ${sasl}`, secrets)).toEqual(["the mail secret is in the log"]);
    expect(findLeaks("no-such-file", "password open-sesame-42", secrets)).toEqual(["the mail secret is in the log"]);
    expect(findLeaks("no-such-file", "text xyzzy-body-canary", secrets)).toEqual(["a message's text is in the log"]);
    expect(findLeaks("no-such-file", "nothing of the kind", secrets)).toEqual([]);
    expect(findings({ leaks: ["the mail secret is in the log"] })).toEqual(["L9 the mail secret is in the log"]);
  });
});

describe("the marker", () => {
  const { marker, text } = composeMarked("r1", "oa0", 3);
  it("survives the documented cleaning and nothing else", () => {
    expect(readMarked(text)).toEqual({ ...marker, intact: true });
    expect(readMarked(`A note before it.\n${normalise(text)}\r\n\r\n`)).toEqual({ ...marker, intact: true });
    for (const damaged of [
      text.replace("ß", "ss"),
      text.replace("👩‍💻", "\ufffd"),
      text.replace("<&>", "<&amp;>"),
      text.replace("\n\n", "\n"),
      text.slice(0, -3),
      text.replace("wörd7 ", "wörd7  "),
    ])
      expect(readMarked(damaged)?.intact).toBe(false);
  });
  it("is not seen where there is none", () => expect(readMarked("Re: hello")).toBeUndefined());
});
