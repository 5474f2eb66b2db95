// The XMPP server refuses the component's secret. Takes a minute, asleep: so long viaduct waits before it asks again.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { sendMail } from "../kit/mail-client.ts";
import { freePorts } from "../lab/ports.ts";
import { startProsody } from "../lab/prosody.ts";
import type { XmppServer } from "../lab/xmpp-server.ts";
import { type Command, configuration, viaduct } from "./operator.ts";
import { bodyOf, connectPerson } from "./person.ts";

let prosody: XmppServer;
let command: Command | undefined;
const dir = mkdtempSync(join(tmpdir(), "viaduct-operator-"));
afterEach(async () => {
  await command?.stop();
  await prosody?.stop();
  rmSync(dir, { recursive: true, force: true });
});

it("viaduct says so, stays up, takes mail meanwhile, and delivers it once the server has the same secret", async () => {
  prosody = await startProsody({ users: { alice: "pw" } });
  const [lmtp = 0] = await freePorts(1);
  const file = join(dir, "viaduct.yaml");
  const ports = { component: prosody.componentPort, imap: 1, submission: 1, smarthost: 1, lmtp };
  writeFileSync(file, configuration(ports), { mode: 0o600 });
  const logIn = () => connectPerson({ port: prosody.c2sPort, user: "alice", password: "pw" });

  command = viaduct(["run", "-c", file]);
  await command.logs("the component stream is up");
  const alice = await logIn();
  expect(await alice.ask("join")).toBe("Your address is alice@mail.localhost.");
  await alice.close();
  expect((await command.stop()).code).toBe(0);

  await changeSecret("secret", "plugh");
  command = viaduct(["run", "-c", file]);
  await command.logs(
    "the XMPP server refused the component secret for email.localhost: the server's configuration and ours must hold the same one",
  );
  const mail = { from: "bob@example.test", to: "alice@mail.localhost", text: "kept for you" };
  expect((await sendMail({ port: lmtp, lmtp: true, ...mail })).accepted).toEqual(["alice@mail.localhost"]);
  expect(command.running()).toBe(true);
  expect(command.out()).not.toContain("the component stream is up");

  await changeSecret("plugh", "secret");
  await command.logs("the component stream is up", 90_000);
  const again = await logIn();
  expect(bodyOf(await again.hear("bob@example.test"))).toBe("kept for you");
  await again.close();
  expect(command.out()).not.toMatch(/plugh|"secret"/);
  expect((await command.stop()).code).toBe(0);
});

async function changeSecret(from: string, to: string): Promise<void> {
  await prosody.stop({ keep: true });
  const file = join(prosody.dir, "prosody.cfg.lua");
  const text = readFileSync(file, "utf8");
  expect(text).toContain(`component_secret = "${from}"`);
  writeFileSync(file, text.replace(`component_secret = "${from}"`, `component_secret = "${to}"`));
  await prosody.start();
}
