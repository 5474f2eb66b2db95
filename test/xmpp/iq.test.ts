import { expect, it } from "vitest";
import { IqTracker } from "../../src/xmpp/iq.ts";
import { type Element, el } from "../../src/xmpp/stanza.ts";
import { StanzaError } from "../../src/xmpp/stanza-error.ts";
import { createTestClock } from "../kit/clock.ts";

const setUp = (maxPending?: number) => {
  const clock = createTestClock();
  const sent: Element[] = [];
  const iq = new IqTracker({
    jid: "email.localhost",
    send: (stanza) => sent.push(stanza),
    clock,
    ...(maxPending === undefined ? {} : { maxPending }),
  });
  const answer = (request: Element | undefined, change: Record<string, string> = {}, ...payload: Element[]): boolean =>
    iq.handle(
      el(
        "iq",
        { type: "result", id: request?.attrs.id, from: request?.attrs.to, to: request?.attrs.from, ...change },
        ...payload,
      ),
    );
  return { clock, sent, iq, answer };
};

it("resolves with the answer of the peer that was asked", async () => {
  const { iq, sent, answer } = setUp();
  const request = iq.request("alice@localhost", el("query"), { type: "set", from: "bob@email.localhost" });
  expect(sent[0]?.attrs).toMatchObject({ type: "set", from: "bob@email.localhost", to: "alice@localhost" });
  expect(answer(sent[0], {}, el("done"))).toBe(true);
  expect((await request).getChild("done")?.name).toBe("done");
  expect(answer(sent[0])).toBe(false);
});

it.each([
  ["from a third party", { from: "mallory@localhost" }],
  ["from a resource of the peer", { from: "localhost/x" }],
  ["without a sender", { from: "" }],
  ["to another address of ours", { to: "bob@email.localhost" }],
  ["with another id", { id: "1" }],
  ["that is a request itself", { type: "get" }],
])("X19: an answer %s is none", async (_, change) => {
  const { iq, sent, answer, clock } = setUp();
  const request = iq.request("localhost", el("ping"));
  expect(answer(sent[0], change)).toBe(false);
  const failed = expect(request).rejects.toMatchObject({ condition: "remote-server-timeout" });
  await clock.advance(15_000);
  await failed;
});

it("rejects with what the peer answered, or resolves with it when any answer will do", async () => {
  const { iq, sent, answer } = setUp();
  const error = el("error", { type: "cancel" }, el("item-not-found", { xmlns: "urn:ietf:params:xml:ns:xmpp-stanzas" }));
  const request = iq.request("alice@localhost", el("query"));
  answer(sent[0], { type: "error" }, error);
  await expect(request).rejects.toMatchObject({ name: "StanzaError", condition: "item-not-found" });
  const ping = iq.request("localhost", el("ping"), { anyAnswer: true });
  answer(sent[1], { type: "error" }, error);
  expect((await ping).attrs.type).toBe("error");
});

it("no request waits for ever, and the ids of two are never the same", async () => {
  const { iq, sent, clock } = setUp();
  const requests = [iq.request("a@localhost", el("query"), { timeoutMs: 100 }), iq.request("a@localhost", el("query"))];
  expect(sent[0]?.attrs.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(sent[0]?.attrs.id).not.toBe(sent[1]?.attrs.id);
  const first = expect(requests[0]).rejects.toThrow("no answer within 100 ms");
  await clock.advance(100);
  await first;
  const second = expect(requests[1]).rejects.toThrow("no answer within 15000 ms");
  await clock.advance(14_900);
  await second;
  expect(clock.waiting).toBe(0);
});

it("refuses the 1,001st open request", async () => {
  const { iq, sent } = setUp();
  for (let i = 0; i < 1000; i++) void iq.request("a@localhost", el("query")).catch(() => undefined);
  await expect(iq.request("a@localhost", el("query"))).rejects.toMatchObject({ condition: "resource-constraint" });
  expect(sent).toHaveLength(1000);
  iq.reset(new Error("over"));
});

it("rejects every open request when the stream is lost", async () => {
  const { iq, clock } = setUp();
  const requests = [iq.request("a@localhost", el("query")), iq.request("b@localhost", el("query"))];
  iq.reset(new Error("gone"));
  for (const request of requests) await expect(request).rejects.toThrow("gone");
  expect(clock.waiting).toBe(0);
});

it("refuses an address that is none, and does not swallow the error of the stream", async () => {
  const { iq, sent, clock } = setUp();
  await expect(iq.request("a@b@c", el("query"))).rejects.toThrow(StanzaError);
  expect(sent).toHaveLength(0);
  const down = new IqTracker({
    jid: "email.localhost",
    send: () => {
      throw new Error("down");
    },
    clock,
  });
  await expect(down.request("a@localhost", el("query"))).rejects.toThrow("down");
  expect(clock.waiting).toBe(0);
});
