import { afterEach, expect, it, vi } from "vitest";
import { LinkDownError } from "../../src/xmpp/link.ts";
import { el, StanzaWriteError, textOf } from "../../src/xmpp/stanza.ts";
import { settle } from "../kit/clock.ts";
import { type LinkSetup, type LinkSetupOptions, setUpLink } from "./link-setup.ts";

const open: LinkSetup[] = [];
const setUp = async (options?: LinkSetupOptions): Promise<LinkSetup> => {
  const setup = await setUpLink(options);
  open.push(setup);
  return setup;
};
afterEach(async () => {
  for (const setup of open.splice(0)) await setup.end();
});

const message = (body: string): string =>
  `<message from='alice@localhost/desk' to='bob@email.localhost' id='m1' type='chat'><body>${body}</body></message>`;

it("goes through connecting and probing before it is up, and what comes meanwhile is handed over afterwards", async () => {
  const { link, server, states, stanzas, until } = await setUp({ server: { routeBack: false }, up: false });
  await until("probing");
  expect(() => link.send("<message/>")).toThrow(LinkDownError);
  await server.inject(message("early"));
  await settle(20);
  expect(stanzas).toHaveLength(0);
  server.behave({ routeBack: true });
  for (const probe of server.everything.filter((one) => one.getChild("probe"))) await server.inject(probe.toString());
  await until("up");
  expect(states).toEqual(["connecting", "probing", "up"]);
  expect(link.state).toBe("up");
  expect(stanzas.map((stanza) => textOf(stanza, "body"))).toEqual(["early"]);
});

it("writes what is sent in one turn of the event loop in order and in one piece", async () => {
  const { link, server } = await setUp();
  link.send(el("message", { to: "alice@localhost", from: "email.localhost", id: "1" }, el("body", {}, "one & only")));
  link.send("<message to='alice@localhost' from='email.localhost' id='2'/>");
  await server.next((stanza) => stanza.attrs.id === "2");
  expect(
    server.received.endsWith(
      '<message to="alice@localhost" from="email.localhost" id="1"><body>one &amp; only</body></message>' +
        "<message to='alice@localhost' from='email.localhost' id='2'/>",
    ),
  ).toBe(true);
  expect(server.malformed).toEqual([]);
});

it("proves a secret that is not ASCII", async () => {
  const { server } = await setUp({ secret: "pässwörd€", server: { secret: "pässwörd€" } });
  expect(server.handshakes).toBe(1);
});

it("closes the stream politely on stop, and takes what the server sent before its own end", async () => {
  const { link, server, stanzas, states } = await setUp();
  const stopped = link.stop();
  await server.inject(message("last"));
  await stopped;
  expect(server.received.endsWith("</stream:stream>")).toBe(true);
  expect(stanzas.map((stanza) => textOf(stanza, "body"))).toEqual(["last"]);
  expect(states.at(-1)).toBe("down");
  expect(server.connections).toBe(1);
});

it("takes all that the server sent before its own end although the handlers are busy", async () => {
  const { link, server, stanzas } = await setUp({
    limits: { maxInFlight: 1 },
    onStanza: () => new Promise(() => undefined),
  });
  await server.inject(message("x".repeat(1000)).repeat(300));
  await vi.waitFor(() => expect(stanzas).toHaveLength(1));
  await link.stop();
  expect(stanzas).toHaveLength(300);
});

it("stops within two seconds although the server does not close its side", async () => {
  const { link, clock, server } = await setUp({ server: { closeStream: false } });
  let stopped = false;
  const stopping = link.stop().then(() => {
    stopped = true;
  });
  await clock.advance(1999);
  expect(stopped).toBe(false);
  await clock.advance(1);
  await stopping;
  expect(server.connections).toBe(1);
});

// --- the ten hazards of @xmpp/component 0.13.1, in the order of libraries.md -------------------------------------

it("hazard 1: a character split over TCP segments arrives whole, wherever the cut is", async () => {
  const { server, stanzas } = await setUp();
  const text = "café 👩‍💻 日本 \u{1d11e}";
  await server.inject(message(text), { chunk: 1 });
  await server.inject(message(text), { chunk: 3 });
  await vi.waitFor(() => expect(stanzas).toHaveLength(2));
  expect(stanzas.map((stanza) => textOf(stanza, "body"))).toEqual([text, text]);
});

it.each([
  ["a closing tag of another name", "<message><body></message></body>", "not-well-formed"],
  ["an unknown entity", "<message><body>&foo;</body></message>", "not-well-formed"],
  ["text between stanzas", "hello", "not-well-formed"],
  ["a comment", "<!-- hello -->", "restricted-xml"],
  ["a closing tag too many", "</message>", "not-well-formed"],
])(
  "hazard 2: data after malformed XML (%s) does not end the process; the stream is cut and made anew",
  async (_, xml, condition) => {
    const { server, clock, until, stanzas } = await setUp();
    const down = until("down");
    await server.inject(xml + message("after"));
    await server.inject(message("long after"));
    await down;
    await vi.waitFor(() => expect(server.streamErrors).toEqual([condition]));
    expect(stanzas).toHaveLength(0);
    await clock.advance(1000);
    await until("up");
    expect(server.handshakes).toBe(2);
  },
);

it.each(["silent", "header"] as const)(
  "hazard 3: a server that accepts and then is %s does not stick: deadline, backoff, next attempt",
  async (greeting) => {
    const { server, clock, until, details } = await setUp({ server: { greeting }, up: false });
    await vi.waitFor(() => expect(server.received).toContain(greeting === "header" ? "<handshake" : "<stream:stream"));
    await clock.advance(9999);
    expect(server.connections).toBe(1);
    await clock.advance(1);
    await until("down");
    expect(details[0]).toBe(
      `the server did not ${greeting === "header" ? "answer the handshake" : "open the stream"} within 10000 ms`,
    );
    server.behave({ greeting: "open" });
    await clock.advance(1000);
    await until("up");
    expect(server.connections).toBe(2);
  },
);

it("hazard 4: send while down throws LinkDownError and writes nothing", async () => {
  const { link, server, until, clock } = await setUp();
  server.behave({ greeting: "silent" });
  const down = until("down");
  server.cut();
  await down;
  expect(() => link.send("<message/>")).toThrow(LinkDownError);
  await expect(link.ping()).rejects.toThrow(LinkDownError);
  await expect(link.drained()).rejects.toThrow(LinkDownError);
  await expect(link.iq.request("localhost", el("ping"))).rejects.toThrow(LinkDownError);
  await clock.advance(1000);
  await vi.waitFor(() => expect(server.connections).toBe(2));
  expect(link.state).toBe("connecting");
  expect(() => link.send("<message/>")).toThrow(LinkDownError);
});

it("hazard 5: an answer with the right id from somebody else is dropped", async () => {
  const { link, server, stanzas } = await setUp();
  const answer = link.iq.request("alice@localhost", el("vCard", { xmlns: "vcard-temp" }));
  const request = await server.next((stanza) => stanza.name === "iq");
  const { id } = request.attrs;
  for (const from of ["mallory@localhost", "alice@localhost/desk", "localhost", "alice@localhost.evil.example"]) {
    await server.inject(
      `<iq type='result' id='${id}' from='${from}' to='email.localhost'><vCard xmlns='vcard-temp'>false</vCard></iq>`,
    );
  }
  await server.inject(
    `<iq type='result' id='${id}' from='Alice@localhost' to='email.localhost'><vCard xmlns='vcard-temp'>true</vCard></iq>`,
  );
  expect(textOf(await answer, "vCard")).toBe("true");
  expect(stanzas).toHaveLength(0);
});

it("hazard 6: nothing answers requests behind the router's back", async () => {
  const { link, server, stanzas } = await setUp();
  await server.inject(
    "<iq type='get' id='q1' from='alice@localhost/desk' to='email.localhost'><query xmlns='jabber:iq:version'/></iq>",
  );
  await vi.waitFor(() => expect(stanzas).toHaveLength(1));
  await link.ping();
  expect(server.stanzas).toHaveLength(0);
});

it("hazard 7: reading stops when the handlers do not keep up, and goes on when they do", async () => {
  const finish: (() => void)[] = [];
  const { server, stanzas, link } = await setUp({
    limits: { maxInFlight: 10 },
    onStanza: () => new Promise((resolve) => finish.push(resolve)),
  });
  // More than the kernel buffers on both ends, so that the server itself feels the stop.
  const body = "x".repeat(10_000);
  await server.inject(message(body).repeat(2000));
  await settle(200);
  expect(stanzas).toHaveLength(10);
  expect(server.unsent).toBeGreaterThan(0);
  while (stanzas.length < 2000) {
    expect(finish.length).toBeLessThanOrEqual(10);
    for (const done of finish.splice(0)) done();
    await settle(1);
  }
  expect(server.unsent).toBe(0);
  for (const done of finish.splice(0)) done();
  await link.ping();
});

it("hazard 7: the silence of a link that stopped reading by itself does not count as the server's", async () => {
  const finish: (() => void)[] = [];
  const { server, stanzas, clock, link } = await setUp({
    limits: { maxInFlight: 1 },
    onStanza: () => new Promise((resolve) => finish.push(resolve)),
  });
  await server.inject(message("one"));
  await vi.waitFor(() => expect(stanzas).toHaveLength(1));
  await clock.advance(120_000);
  expect(link.state).toBe("up");
  finish[0]?.();
  await link.ping();
  expect(server.handshakes).toBe(1);
});

it("hazard 7: what was received while reading was stopped is not lost with the connection", async () => {
  const { server, stanzas, until } = await setUp({
    limits: { maxInFlight: 1 },
    onStanza: () => new Promise(() => undefined),
  });
  const down = until("down");
  await server.inject(message("one") + message("two") + message("three"));
  await vi.waitFor(() => expect(stanzas).toHaveLength(1));
  await settle(20);
  expect(stanzas).toHaveLength(1);
  server.cut();
  await down;
  expect(stanzas.map((stanza) => textOf(stanza, "body"))).toEqual(["one", "two", "three"]);
});

it("hazard 9: a stanza above the size limit ends the stream before a tree is built", async () => {
  const { server, stanzas, until, log } = await setUp({ limits: { maxStanzaSize: 10_000 } });
  await server.inject(message("x".repeat(9000)));
  await vi.waitFor(() => expect(stanzas).toHaveLength(1));
  const down = until("down");
  await server.inject(message("x".repeat(10_000)));
  await down;
  await vi.waitFor(() => expect(server.streamErrors).toEqual(["policy-violation"]));
  expect(stanzas).toHaveLength(1);
  expect(log.filter((line) => line.startsWith("warn"))).toEqual([
    'warn the stream was cut: a stanza is longer than 10000 characters {"component":"email.localhost","reason":"format","condition":"policy-violation"}',
  ]);
});

it("hazard 10: a conflict is retried with growing delays until the old stream is gone", async () => {
  const { server, clock, until, details } = await setUp({ server: { greeting: { error: "conflict" } }, up: false });
  await until("down");
  for (const [attempt, delay] of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000].entries()) {
    await clock.advance(delay - 1);
    expect(server.connections).toBe(attempt + 1);
    await clock.advance(1);
    await vi.waitFor(() => expect(server.connections).toBe(attempt + 2));
    await until("down");
  }
  expect(details[0]).toBe(
    "the XMPP server holds another stream of email.localhost: a second Viaduct, or an old connection it has not given up yet",
  );
  server.behave({ greeting: "open" });
  await clock.advance(60_000);
  await until("up");
});

it("hazard 10: a link that gets back only a part of its own messages is not up; it raises an alarm and tries again", async () => {
  let sent = 0;
  const { server, clock, until, alarms, states } = await setUp({
    server: { routeBack: () => sent++ % 2 === 0 },
    up: false,
  });
  await until("probing");
  await vi.waitFor(() => expect(sent).toBe(8));
  await clock.advance(5000);
  await until("down");
  expect(alarms).toEqual([
    "only 4 of 8 messages to ourselves came back: another stream of this component is open at the server",
  ]);
  expect(states).toEqual(["connecting", "probing", "down"]);
  server.behave({ routeBack: true });
  await clock.advance(1000);
  await until("up");
});

it("hazard 10: illegal characters leave as U+FFFD and an oversize stanza does not leave at all", async () => {
  const { link, server } = await setUp();
  link.send(el("message", { to: "alice@localhost", id: "a\u0008b" }, el("body", {}, "\u0008 \ufffe \ud800 ok")));
  const stanza = await server.next();
  expect(stanza.attrs.id).toBe("a\ufffdb");
  expect(textOf(stanza, "body")).toBe("\ufffd \ufffd \ufffd ok");
  expect(() => link.send(el("message", {}, el("body", {}, "x".repeat(65_536))))).toThrow(StanzaWriteError);
  await link.ping();
  expect(server.malformed).toEqual([]);
  expect(server.stanzas).toHaveLength(1);
});

// --- a peer that dies, and what follows ---------------------------------------------------------------------------

it("pings after 30 s of silence and gives the stream up 15 s later: half-open TCP", async () => {
  const { server, clock, until, details, link } = await setUp();
  const pings = (): number => server.everything.filter((stanza) => stanza.getChild("ping")).length;
  const before = pings();
  await clock.advance(29_999);
  expect(pings()).toBe(before);
  await clock.advance(1);
  await vi.waitFor(() => expect(pings()).toBe(before + 1));
  await clock.advance(29_999);
  expect(link.state).toBe("up");
  server.freeze();
  await clock.advance(1 + 14_999);
  expect(link.state).toBe("up");
  await clock.advance(1);
  await until("down");
  expect(details.at(-1)).toBe("the server was silent for 45000 ms");
  server.behave({ answerPings: true, routeBack: true });
  await clock.advance(1000);
  await until("up");
});

it("gives the stream up after 15 s of silence while a ping is not answered", async () => {
  const { server, clock, until, details, link } = await setUp();
  await clock.advance(10_000);
  server.behave({ answerPings: false });
  const lost = expect(link.ping()).rejects.toThrow(LinkDownError);
  await clock.advance(14_999);
  expect(link.state).toBe("up");
  await clock.advance(1);
  await until("down");
  expect(details.at(-1)).toBe("the server was silent for 25000 ms");
  await lost;
});

it("a barrier waits for a server that has other things to say first", async () => {
  const { server, clock, until, details, link } = await setUp();
  server.behave({ answerPings: false });
  let answered = false;
  const barrier = link.ping().finally(() => (answered = true));
  const failed = expect(barrier).rejects.toThrow();
  for (let i = 0; i < 11; i++) {
    await clock.advance(10_000);
    await server.inject("<presence from='alice@localhost/desk' to='email.localhost'/>");
    await settle(20);
  }
  expect([link.state, answered]).toEqual(["up", false]);
  await clock.advance(10_000);
  await until("down");
  expect(details.at(-1)).toBe("the server did not answer a ping within 120000 ms");
  await failed;
});

it("anything that comes proves the peer alive: no ping while stanzas arrive", async () => {
  const { server, clock } = await setUp();
  const before = server.everything.length;
  for (let i = 0; i < 5; i++) {
    await clock.advance(20_000);
    await server.inject("<presence from='alice@localhost/desk' to='email.localhost'/>");
    await settle(20);
  }
  expect(server.everything).toHaveLength(before);
});

it("backs off again from one second only after a minute of being up", async () => {
  const { server, clock, until } = await setUp();
  const cutAndReturn = async (delay: number): Promise<void> => {
    const handshakes = server.handshakes;
    const down = until("down");
    server.cut();
    await down;
    await clock.advance(delay - 1);
    expect(server.handshakes).toBe(handshakes);
    await clock.advance(1);
    await until("up");
  };
  await cutAndReturn(1000);
  await cutAndReturn(2000);
  await clock.advance(59_999);
  await cutAndReturn(4000);
  await clock.advance(60_000);
  await cutAndReturn(1000);
});

it("a server that does not answer a component's pings is watched by messages to ourselves instead", async () => {
  const { link, server, clock, until, log } = await setUp({ server: { answerPings: false }, up: false });
  await until("probing");
  await vi.waitFor(() => expect(server.everything).toHaveLength(9));
  await settle(20);
  await clock.advance(1000);
  await until("up");
  expect(log).toContain('warn the XMPP server does not answer pings of the component {"component":"email.localhost"}');
  await link.ping();
  expect(server.everything).toHaveLength(10);
  await clock.advance(30_000);
  await vi.waitFor(() => expect(server.everything).toHaveLength(11));
  await settle(20);
  await clock.advance(20_000);
  expect(link.state).toBe("up");
});

it("rejects open requests and barriers when the stream is lost", async () => {
  const { link, server, until } = await setUp({ server: { answerPings: true } });
  server.behave({ answerPings: false });
  const request = link.iq.request("alice@localhost", el("vCard", { xmlns: "vcard-temp" }));
  const barrier = link.ping();
  await server.next();
  server.cut();
  await expect(request).rejects.toThrow(LinkDownError);
  await expect(barrier).rejects.toThrow(LinkDownError);
  await until("down");
});

it("a stream that is just ending takes nothing more, and a proof that falls due then does no harm", async () => {
  const { link, server, clock, until } = await setUp();
  for (let i = 0; i < 14; i++) {
    await clock.advance(20_000);
    await settle(10);
  }
  await clock.advance(19_999);
  const before = server.everything.length;
  const down = until("down");
  await server.inject(
    "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
  );
  server.freeze(); // so that the end is said, and not yet heard
  await vi.waitFor(() => expect(link.writable).toBe(false));
  expect(() => link.send("<message/>")).toThrow(LinkDownError);
  expect(link.state).toBe("up");
  await clock.advance(1);
  expect(server.everything).toHaveLength(before);
  await clock.advance(2000);
  await down;
});

it("whoever waits for room in the socket learns that the stream is lost", async () => {
  const { link, server } = await setUp({ limits: { maxBuffered: 1 } });
  link.send("<message to='alice@localhost'/>");
  const wait = link.drained();
  server.cut();
  await expect(wait).rejects.toThrow(LinkDownError);
});

it("a jump of the wall clock moves no timer", async () => {
  const { link, server, clock } = await setUp();
  const before = server.everything.length;
  for (const years of [10, -20]) {
    clock.jump(years * 365 * 86_400_000);
    await clock.advance(14_000);
  }
  expect(server.everything).toHaveLength(before);
  expect(link.state).toBe("up");
});

it("is not writable while more than the limit waits in the socket, and says when it is again", async () => {
  const { link, server } = await setUp({ limits: { maxBuffered: 100_000 } });
  server.freeze();
  const xml = `<message to='alice@localhost' id='m'><body>${"x".repeat(60_000)}</body></message>`;
  let sent = 0;
  while (link.send(xml)) {
    sent++;
    await settle(1);
    expect(sent).toBeLessThan(1000);
  }
  let drained = false;
  const wait = link.drained().then(() => {
    drained = true;
  });
  await settle(20);
  expect(drained).toBe(false);
  expect(link.writable).toBe(false);
  server.thaw();
  await wait;
  expect(link.writable).toBe(true);
  await vi.waitFor(() => expect(server.stanzas).toHaveLength(sent + 1));
});

it("a handler that throws or rejects ends in the log, without what the stanza held", async () => {
  const { server, stanzas, link, log } = await setUp({
    onStanza: (stanza) => {
      if (stanza.attrs.id === "m1") throw new Error("secret text");
      return Promise.reject(new TypeError("secret text"));
    },
  });
  await server.inject(message("one") + message("two").replace("m1", "m2"));
  await vi.waitFor(() => expect(stanzas).toHaveLength(2));
  await link.ping();
  expect(log.filter((line) => line.startsWith("error"))).toEqual([
    'error a stanza handler failed {"component":"email.localhost","error":"Error"}',
    'error a stanza handler failed {"component":"email.localhost","error":"TypeError"}',
  ]);
});
