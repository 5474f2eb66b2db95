// `viaduct check` tries what a run needs, on real XMPP servers: each thing that is wrong is one sentence.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { startEjabberd } from "../lab/ejabberd.ts";
import { freePorts } from "../lab/ports.ts";
import { startProsody } from "../lab/prosody.ts";
import type { XmppServer } from "../lab/xmpp-server.ts";
import { configuration, type Ended, viaduct } from "./operator.ts";

let dir: string;
let file: string;
let lmtp = 0;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "viaduct-check-"));
  file = join(dir, "viaduct.yaml");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(async () => {
  [lmtp = 0] = await freePorts(1);
});

interface Wrong {
  readonly email?: object;
  readonly limits?: object;
}

function configure(component: number, { email = {}, limits = {} }: Wrong = {}): void {
  const right = parse(configuration({ component, imap: 1, submission: 1, smarthost: 1, lmtp })) as {
    limits: object;
    bridges: { email: object };
  };
  Object.assign(right.bridges.email, email);
  Object.assign(right.limits, limits);
  writeFileSync(file, stringify(right), { mode: 0o600 });
}

const check = (...more: string[]): Promise<Ended> => viaduct(["check", "-c", file, ...more]).ended;
const refuses = (...sentences: string[]) => ({ code: 1, out: "", err: `${sentences.join("\n")}\n` });

describe.each([
  ["Prosody", startProsody],
  ["ejabberd", startEjabberd],
] as const)("with %s", (name, start) => {
  let server: XmppServer;
  beforeAll(async () => {
    server = await start({ users: { alice: "pw" } });
  }, 60_000);
  afterAll(() => server.stop());

  it("says ok when the server takes the component", async () => {
    configure(server.componentPort);
    expect(await check()).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^ok\nusers: /) });
  });

  it("names a secret that is another one in the server", async () => {
    configure(server.componentPort, { email: { secret: "plugh" } });
    expect(await check()).toEqual(
      refuses(
        "the XMPP server refused the component secret for email.localhost: the server's configuration and ours must hold the same one (ejabberd says this also of a component that it does not have)",
      ),
    );
  });

  it("names a component that the server does not have", async () => {
    configure(server.componentPort, { email: { jid: "nowhere.localhost" } });
    expect((await check()).err).toMatch(
      name === "Prosody"
        ? /^the XMPP server knows no component nowhere\.localhost: add it to the server's configuration\n$/
        : /^the XMPP server refused the component secret for nowhere\.localhost: .* a component that it does not have\)\n$/,
    );
  });

  it("leaves a running gateway alone", async () => {
    configure(server.componentPort);
    const gateway = viaduct(["run", "-c", file]);
    await gateway.logs("the component stream is up");
    expect((await check()).out).toMatch(/^ok\nit runs: its ports and its streams were not tried\nusers: /);
    expect(gateway.out()).not.toContain("conflict");
    expect(gateway.running()).toBe(true);
    await gateway.stop();
  });
});

it("names everything at once: a port that is taken, a server that is away, a disk without room", async () => {
  const other = createServer().listen(lmtp, "127.0.0.1");
  configure(1, { limits: { minFreeDisk: "900000 GiB" } });
  const { code, out, err } = await check();
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(
    err
      .replace(/has \d+ MiB/, "has N MiB")
      .trimEnd()
      .split("\n"),
  ).toEqual([
    `the disk of ${dir}/data has N MiB free, and nothing new is taken below limits.minFreeDisk (921600000 MiB): make room, or set less.`,
    `bridges.email.domain.lmtp: cannot listen on 127.0.0.1:${lmtp} (EADDRINUSE): another program has this port: stop it, or name another port.`,
    "no XMPP server accepts email.localhost at 127.0.0.1:1 (the connection failed: connect ECONNREFUSED 127.0.0.1:1): start it, or set xmpp.server to its component port",
  ]);
  await new Promise((resolve) => other.close(resolve));
});

it("looks at files only when it is told to", async () => {
  configure(1);
  expect(await check("--offline")).toMatchObject({ code: 0, err: "" });
});
