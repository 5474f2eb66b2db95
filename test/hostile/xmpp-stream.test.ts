// What a hostile or compromised server, or a user through it, can do to the component stream: X14 to X19, X32, X33.
import fc from "fast-check";
import { afterEach, expect, it, vi } from "vitest";
import { type Frame, Framer, StreamFormatError } from "../../src/xmpp/framer.ts";
import { textOf } from "../../src/xmpp/stanza.ts";
import { stanzaError } from "../../src/xmpp/stanza-error.ts";
import { XmlReader } from "../../src/xmpp/xml-reader.ts";
import { settle } from "../kit/clock.ts";
import { type LinkSetup, type LinkSetupOptions, setUpLink } from "../xmpp/link-setup.ts";

const open: LinkSetup[] = [];
const setUp = async (options?: LinkSetupOptions): Promise<LinkSetup> => {
  const setup = await setUpLink(options);
  open.push(setup);
  return setup;
};
afterEach(async () => {
  for (const setup of open.splice(0)) await setup.end();
});

const message = (inner: string, id = "m1"): string =>
  `<message from='mallory@localhost/x' to='bob@email.localhost' id='${id}'>${inner}</message>`;
const nested = (levels: number): string => "<a>".repeat(levels) + "</a>".repeat(levels);

it("X14: a stanza 5,000 levels deep is answered with not-acceptable, and the stream goes on", async () => {
  const { server, stanzas, link } = await setUp();
  await server.inject(message(nested(63), "64 levels"));
  await vi.waitFor(() => expect(stanzas).toHaveLength(1));
  await server.inject(message(nested(64), "65 levels") + message(nested(5000), "deep") + message("<body>after</body>"));
  for (const id of ["65 levels", "deep"]) {
    const error = await server.next();
    expect(error.attrs).toEqual({ type: "error", id, from: "bob@email.localhost", to: "mallory@localhost/x" });
    expect(error.getChild("error")?.getChild("not-acceptable")).toBeDefined();
  }
  await vi.waitFor(() => expect(stanzas).toHaveLength(2));
  expect(stanzas[1] && textOf(stanzas[1], "body")).toBe("after");
  expect(link.state).toBe("up");
  expect(server.handshakes).toBe(1);
});

it("X14: a deep error, result or presence is dropped without an answer", async () => {
  const { server, stanzas, link } = await setUp();
  await server.inject(
    `<message type='error' from='m@localhost' to='email.localhost'>${nested(100)}</message>` +
      `<iq type='result' id='1' from='m@localhost' to='email.localhost'>${nested(100)}</iq>` +
      `<presence from='m@localhost' to='email.localhost'>${nested(100)}</presence>`,
  );
  await link.ping();
  expect(server.stanzas).toHaveLength(0);
  expect(stanzas).toHaveLength(0);
});

it("X15: a megabyte in one-byte pieces costs its length, not the square of it", () => {
  const drip = (size: number): number => {
    const framer = new Framer({ maxStanzaSize: 1_048_576, maxDepth: 64 });
    framer.push("<stream:stream>");
    framer.next();
    const begin = process.cpuUsage();
    const frames: Frame[] = [];
    for (const character of message(`<body>${">x".repeat(size / 2)}</body>`)) {
      framer.push(character);
      const frame = framer.next();
      if (frame) frames.push(frame);
    }
    expect(frames.map((frame) => frame.kind)).toEqual(["stanza"]);
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1000;
  };
  drip(50_000);
  // ltx alone needs 62 s of CPU for 400,000; the square would be 16 times as much for four times the length.
  const [small, large] = [drip(250_000), drip(1_000_000)];
  expect(large).toBeLessThan(Math.max(small, 20) * 10);
});

it("X15: the drip arrives through the socket too", async () => {
  const { server, stanzas } = await setUp();
  await server.inject(message(`<body>${"é>".repeat(3000)}</body>`), { chunk: 1 });
  await vi.waitFor(() => expect(stanzas).toHaveLength(1));
  expect(stanzas[0] && textOf(stanzas[0], "body")).toBe("é>".repeat(3000));
});

it("X15: what never ends is cut at the size limit, inside a tag, a text, an attribute or CDATA", async () => {
  for (const start of [
    "<message ",
    "<message><body>",
    "<message id='",
    "<message><![CDATA[",
    `<message>${nested(100)}<body>`,
  ]) {
    const framer = new Framer({ maxStanzaSize: 1_048_576, maxDepth: 64 });
    framer.push("<stream:stream>");
    framer.next();
    const endless = (): void => {
      framer.push(start);
      framer.next();
      for (let i = 0; i < 20; i++) {
        framer.push("x".repeat(65_536));
        framer.next();
      }
    };
    expect(endless).toThrow("a stanza is longer than 1048576 characters");
  }
});

it.each([
  ["a DOCTYPE", "<!DOCTYPE lolz [<!ENTITY lol 'lol'>]>", "restricted-xml"],
  ["a DOCTYPE inside a stanza", message("<!DOCTYPE a>"), "restricted-xml"],
  ["a comment", message("<!-- x -->"), "restricted-xml"],
  ["a processing instruction", message("<?php x ?>"), "restricted-xml"],
  ["an XML declaration in the middle", "<?xml version='1.0'?>", "restricted-xml"],
  ["an entity", message("<body>&lol;</body>"), "not-well-formed"],
  ["an entity in an attribute", message("<a b='&lol;'/>"), "not-well-formed"],
  ["a reference to a forbidden character", message("<body>&#8;</body>"), "not-well-formed"],
  ["a forbidden character", message("<body>\u0008</body>"), "not-well-formed"],
  ["a tag in a tag", message("<a <b/>"), "not-well-formed"],
  ["an attribute without a value", message("<a b></a>"), "not-well-formed"],
  ["a slash that two readers read differently", message("<a / ><b/></a>"), "not-well-formed"],
])("X16: %s ends the stream, is reconnected with backoff, and throws nowhere", async (_, xml, condition) => {
  const { server, until, clock, stanzas, log } = await setUp();
  const down = until("down");
  await server.inject(xml);
  await server.inject(message("<body>after</body>"));
  await down;
  await vi.waitFor(() => expect(server.streamErrors).toEqual([condition]));
  expect(server.malformed).toEqual([]);
  expect(stanzas).toHaveLength(0);
  expect(log.some((line) => line.includes("lol") || line.includes("mallory"))).toBe(false);
  await clock.advance(1000);
  await until("up");
});

it("X16: no bytes whatever make the link throw, and it is up again afterwards", async () => {
  const { server, until, clock } = await setUp();
  const piece = fc.constantFrom(
    "<",
    ">",
    "/",
    "<message>",
    "</message>",
    "'",
    '"',
    "&",
    "&amp;",
    "<![CDATA[",
    "]]>",
    "<!",
    "<?",
    "x",
    " ",
    "=",
    "</stream:stream>",
    "\u0000",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.array(piece, { maxLength: 12 }).map((all) => Buffer.from(all.join(""))),
      ),
      async (bytes) => {
        const { handshakes } = server;
        await server.inject(bytes);
        await server.inject("<"); // closes nothing, but is wrong in most places
        await server.inject("<>&");
        server.cut();
        await until("down");
        await clock.advance(60_000);
        await until("up");
        expect(server.handshakes).toBe(handshakes + 1);
      },
    ),
    { numRuns: 150 },
  );
});

it("X16: a stream means the same however it is cut, and mutations never get past as something unreadable", () => {
  const stanzas =
    message("<body>a &gt; b > c &#x1f600; 日本</body><x a=\"'>\" b='\"/>'/>") +
    "\n<iq type='get' id='1'/>" +
    message("<body><![CDATA[<a>]]]]>&amp;</body>") +
    "<presence></presence>";
  const source = `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='a>b'>${stanzas}</stream:stream>`;
  const read = (text: string, cuts: readonly number[]): string[] => {
    const framer = new Framer({ maxStanzaSize: 10_000, maxDepth: 64 });
    const reader = new XmlReader();
    const seen: string[] = [];
    try {
      let from = 0;
      for (const cut of [...cuts, text.length]) {
        framer.push(text.slice(from, cut));
        from = cut;
        for (let frame = framer.next(); frame; frame = framer.next()) {
          seen.push(frame.kind === "stanza" ? reader.read(frame.xml).toString() : frame.kind);
        }
      }
    } catch (error) {
      if (!(error instanceof StreamFormatError)) throw error;
      seen.push(error.condition);
    }
    return seen;
  };
  const whole = read(source, []);
  expect(whole).toHaveLength(6);
  expect([whole[0], whole[2], whole[4], whole[5]]).toEqual(["open", '<iq type="get" id="1"/>', "<presence/>", "close"]);
  expect(whole[3]).toContain("<body>&lt;a&gt;]]&amp;</body>");
  for (let i = 0; i <= source.length; i++) expect(read(source, [i])).toEqual(whole);
  const position = fc.integer({ min: 0, max: source.length });
  fc.assert(
    fc.property(
      position,
      position,
      fc.string({ unit: fc.constantFrom(..."<>/'\"&;=!?[]-x "), maxLength: 4 }),
      fc.array(position, { maxLength: 4 }),
      (at, skip, insert, cuts) => {
        const mutated = source.slice(0, at) + insert + source.slice(at + (skip % 3));
        expect(
          read(
            mutated,
            cuts.toSorted((a, b) => a - b),
          ),
        ).toEqual(read(mutated, []));
      },
    ),
    { numRuns: 5000 },
  );
});

it.each([
  ["absent", "", undefined],
  ["empty", "id=''", ""],
  ["full of quotes and newlines", "id='&quot;&apos;&#10;&lt;'", "\"'\n<"],
  ["of 64 KiB", `id='${"x".repeat(65_536)}'`, undefined],
])("X17: an error for a stanza whose id is %s reaches the server well-formed", async (_, id, echoed) => {
  const { server, link } = await setUp({
    onStanza: (stanza) => {
      const error = stanzaError(stanza, "bad-request");
      if (error) link.send(error);
    },
  });
  await server.inject(`<message from='a@localhost' to='b@email.localhost' ${id}><body>x</body></message>`);
  const error = await server.next();
  expect(error.attrs.id).toBe(echoed);
  expect(error.attrs.type).toBe("error");
  expect(server.malformed).toEqual([]);
});

it("X18: two messages with one id both arrive", async () => {
  const { server, stanzas } = await setUp();
  await server.inject(message("<body>one</body>", "same") + message("<body>two</body>", "same"));
  await vi.waitFor(() => expect(stanzas.map((stanza) => textOf(stanza, "body"))).toEqual(["one", "two"]));
});

it("X19: an answer to nothing we asked is dropped, for messages to ourselves from others too", async () => {
  const { server, stanzas, link, alarms } = await setUp();
  await server.inject(
    "<iq type='result' id='1' from='mallory@localhost' to='email.localhost'/>" +
      "<iq type='error' id='2' from='localhost' to='email.localhost'/>" +
      "<iq type='result' from='localhost' to='email.localhost'/>",
  );
  // A user cannot pretend to be a probe: it is a message like any other.
  await server.inject(
    "<message from='mallory@localhost' to='probe-1@email.localhost'><probe xmlns='urn:viaduct:probe:0'/><body>x</body></message>",
  );
  await link.ping();
  expect(stanzas.map((stanza) => stanza.name)).toEqual(["message"]);
  expect(alarms).toEqual([]);
});

it("X32: a wrong secret is named in the log without the secret, and tried again once a minute", async () => {
  const { server, clock, until, log, details } = await setUp({ secret: "tr0ub4dor", up: false });
  await until("down");
  const sentence =
    "the XMPP server refused the component secret for email.localhost: the server's configuration and ours must hold the same one (ejabberd says this also of a component that it does not have)";
  expect(details).toEqual([sentence]);
  expect(log).toEqual([
    `error ${sentence} {"component":"email.localhost","reason":"refused","condition":"not-authorized"}`,
  ]);
  for (let attempt = 1; attempt <= 3; attempt++) {
    await clock.advance(59_999);
    expect(server.connections).toBe(attempt);
    await clock.advance(1);
    await vi.waitFor(() => expect(server.connections).toBe(attempt + 1));
    await until("down");
  }
  expect(log.join()).not.toContain("tr0ub4dor");
});

it("X32: a server on another machine is warned about, one on this machine is not", async () => {
  const here = await setUp();
  expect(here.log.filter((line) => line.includes("not encrypted"))).toEqual([]);
  // 0.0.0.0 reaches this machine as well, but nothing in its name says so.
  const there = await setUp({ host: "0.0.0.0" });
  expect(there.log[0]).toBe(
    'warn the XMPP server is not on this machine and the component stream is not encrypted {"component":"email.localhost"}',
  );
});

it("X32: a server that is not a component server is given up after the deadline or its first words", async () => {
  const { server, until, details } = await setUp({ server: { greeting: "silent" }, up: false });
  await vi.waitFor(() => expect(server.received).toContain("<stream:stream"));
  await server.inject("HTTP/1.1 400 Bad Request\r\n\r\n");
  await until("down");
  expect(details).toEqual(["the stream was cut: text between stanzas"]);
});

it("X33: every five minutes the link proves itself again; a part that does not come back raises an alarm", async () => {
  const { server, clock, alarms, link } = await setUp();
  const probes = (): number => server.everything.filter((stanza) => stanza.getChild("probe")).length;
  const pass = async (minutes: number): Promise<void> => {
    // In steps below the dead-peer limit, so that pings can be answered in between.
    for (let i = 0; i < minutes * 6; i++) {
      await clock.advance(10_000);
      await settle(10);
    }
  };
  expect(probes()).toBe(8);
  await pass(6);
  expect(probes()).toBe(16);
  expect(alarms).toEqual([]);
  let sent = 0;
  server.behave({ routeBack: () => sent++ < 5 });
  await pass(5);
  expect(probes()).toBe(24);
  expect(alarms).toEqual([
    "only 5 of 8 messages to ourselves came back: another stream of this component is open at the server",
  ]);
  expect(link.state).toBe("up");
});

it("X33: a probe of another process raises an alarm and goes no further", async () => {
  const { server, stanzas, alarms, link } = await setUp();
  await server.inject(
    "<message from='probe-x@email.localhost' to='probe-x@email.localhost' id='x'><probe xmlns='urn:viaduct:probe:0'/></message>",
  );
  await link.ping();
  expect(alarms).toEqual(["another process sends as this component: is a second Viaduct running?"]);
  expect(stanzas).toHaveLength(0);
});
