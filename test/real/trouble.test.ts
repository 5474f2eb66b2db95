// Trouble that comes while the gateway runs: each person hears one sentence, what is queued is kept, others go on, and it
// passes by itself.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { MailRefused, sendMail } from "../kit/mail-client.ts";
import { gatewayJid, jidOf, type Person, readError, wantsReceipt } from "./person.ts";
import { setStage, type Stage, until } from "./stage.ts";

let stage: Stage | undefined;
const folders: string[] = [];
const mounts: string[] = [];
afterEach(async () => {
  await stage?.stop();
  stage = undefined;
  for (const mount of mounts.splice(0)) execFileSync("/usr/bin/umount", [mount]);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "viaduct-disk-"));
  folders.push(folder);
  return folder;
};

describe("a password that the user changed at the provider", () => {
  it("is asked for once, messages wait for it and go out, and nobody else is delayed", async () => {
    stage = await setStage({ xmpp: "prosody", users: ["alice", "carol"], domain: true });
    const { dovecot } = stage;
    const alice = await stage.enter("alice");
    const carol = await stage.enter("carol");
    await alice.signIn("alice@example.org");
    const before = alice.write("bob@example.test", "before", { extra: wantsReceipt });
    await alice.receiptFor(before);
    // The receipt came when Postfix had it: what it has not brought yet would wait minutes for a mailbox that is closed.
    await stage.mailWith("bob@example.test", "before");

    const changePassword = async (from: string, to: string) => {
      await dovecot.stop({ keep: true });
      const file = join(dovecot.dir, "dovecot.conf");
      const text = readFileSync(file, "utf8");
      expect(text).toContain(`args = password=${from}\n`);
      writeFileSync(file, text.replace(`args = password=${from}\n`, `args = password=${to}\n`));
      await dovecot.start();
    };
    await changePassword("pw", "better");
    expect(await alice.notice()).toBe(
      'alice@example.org is signed out. The mail server refuses the login: sign in again. Send "login"; messages wait until then.',
    );
    const waiting = ["one", "two"].map((text) => alice.write("bob@example.test", text, { extra: wantsReceipt }));
    await until("the messages wait", async () =>
      /^alice@example\.org: login-required \(.*\), 1 conversation waits/.test(await alice.ask("accounts")),
    );
    const free = carol.write("bob@example.test", "from carol", { extra: wantsReceipt });
    await carol.receiptFor(free);
    expect(waiting.map((id) => alice.hasReceipt(id))).toEqual([false, false]);

    expect(await alice.signIn("alice@example.org", "pw")).toContain(
      "127.0.0.1 does not accept this address and password.",
    );
    await alice.ask("-");
    expect(await alice.ask("better")).toMatch(/^Signed in as alice@example\.org\./);
    for (const id of waiting) await alice.receiptFor(id);
    await changePassword("better", "pw");
    // The receipts came when Postfix had them; it may have found the mailbox closed at first, and brought them in any order.
    for (const text of ["one", "two"]) await stage.mailWith("bob@example.test", text);
    const mails = await stage.mailsOf("bob@example.test");
    const texts = mails.map((mail) => mail.text.trim()).filter((text) => text !== "from carol");
    expect(texts.toSorted()).toEqual(["before", "one", "two"]);
    const asked = alice.stanzas.filter((stanza) => stanza.getChildText("body")?.includes("is signed out"));
    // Once for each time that the password changed.
    expect(asked.length).toBeLessThanOrEqual(2);
  });
});

describe("a disk without room", () => {
  interface Disk {
    readonly dir?: string;
    readonly minFreeDisk: number;
    fill(): void;
    clear(): void;
  }

  /** Free space falls below limits.minFreeDisk: the gateway stops taking before the disk is really full. */
  const almostFull = (): Disk => {
    const file = join(newFolder(), "filler");
    const { bavail, bsize } = statfsSync(tmpdir());
    const bytes = Math.floor(Math.min((bavail * bsize) / 4, 2 ** 30));
    return {
      minFreeDisk: bavail * bsize - bytes / 2,
      fill: () => void execFileSync("/usr/bin/fallocate", ["-l", String(bytes), file]),
      clear: () => rmSync(file, { force: true }),
    };
  };

  /** A disk of 16 MiB, full to the last block: writes fail. */
  const reallyFull = (): Disk => {
    const dir = newFolder();
    execFileSync("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", dir]);
    mounts.push(dir);
    const file = join(dir, "filler");
    return {
      dir,
      minFreeDisk: 0,
      fill() {
        const { bavail, bsize } = statfsSync(dir);
        writeFileSync(file, Buffer.alloc(bavail * bsize));
      },
      clear: () => rmSync(file, { force: true }),
    };
  };

  const story = "senders are told to wait, what is queued goes out, and it goes on by itself";
  it(`below limits.minFreeDisk: ${story}`, () => tell(almostFull()));
  // Some containers do not let root mount anything.
  it.skipIf(!mayMount())(`full to the last block: ${story}`, () => tell(reallyFull()));

  async function tell(disk: Disk): Promise<void> {
    stage = await setStage({
      xmpp: "prosody",
      users: ["alice"],
      domain: true,
      limits: { minFreeDisk: disk.minFreeDisk },
      ...(disk.dir === undefined ? {} : { dir: disk.dir }),
    });
    const { lmtpPort, postfix } = stage;
    const alice = await stage.enter("alice");
    await alice.ask("join");
    // Queued before: the mail server is asleep.
    postfix.pause();
    const queued = alice.write("bob@example.test", "queued before", { extra: wantsReceipt });
    await sleep(300);
    disk.fill();

    const outcome = await refusal(alice);
    expect(outcome).toMatchObject({
      type: "wait",
      condition: "resource-constraint",
      text: "The gateway cannot store messages now; try again later.",
    });
    const mail = { from: "bob@example.test", to: "alice@mail.localhost", text: "too early" };
    const deliver = () => sendMail({ port: lmtpPort, lmtp: true, ...mail });
    const refused = await deliver().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MailRefused);
    expect((refused as MailRefused).reply).toEqual({ code: 451, text: "4.3.0 Temporary local problem, try again" });

    postfix.resume();
    await stage.mailWith("bob@example.test", "queued before");
    disk.clear();
    await alice.receiptFor(queued);
    await until("mail is taken again", () =>
      deliver().then(
        () => true,
        () => false,
      ),
    );
    await alice.hear("bob@example.test");
    const after = alice.write("bob@example.test", "after", { extra: wantsReceipt });
    await alice.receiptFor(after);
    const texts = (await stage.mailsOf("bob@example.test")).map((one) => one.text.trim());
    expect(texts.filter((text) => !text.startsWith("try"))).toEqual(["queued before", "after"]);
    expect(stage.gateway.components.every(({ link }) => link.state === "up")).toBe(true);
  }

  function mayMount(): boolean {
    const dir = mkdtempSync(join(tmpdir(), "viaduct-mount-"));
    const mounted = spawnSync("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir]).status === 0;
    if (mounted) execFileSync("/usr/bin/umount", [dir]);
    rmSync(dir, { recursive: true });
    return mounted;
  }

  /** Writes until it is refused: the gateway looks at the disk every two seconds. */
  async function refusal(alice: Person): Promise<ReturnType<typeof readError>> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const id = alice.write("carol@example.test", `try ${attempt}`);
      const isError = (stanza: { attrs: Record<string, unknown> }) =>
        stanza.attrs["type"] === "error" && stanza.attrs["id"] === id;
      const answer = await alice.next(isError, { timeoutMs: 100 }).catch(() => undefined);
      if (answer) return readError(answer);
    }
    throw new Error("nothing was refused");
  }
});

describe("an address that is none", () => {
  it("is told to the one who wrote to it, on that stanza, and nothing is queued", async () => {
    stage = await setStage({ xmpp: "prosody", users: ["alice"] });
    const alice = await stage.enter("alice");
    await alice.signIn("alice@example.org");
    const writeTo = async (jid: string) => alice.errorOn(alice.message({ to: jid, body: "hello?" }));
    expect(await writeTo(`bob@${gatewayJid}`)).toMatchObject({
      type: "cancel",
      condition: "item-not-found",
      text: "There cannot be anybody at this address.",
    });
    expect(await writeTo(jidOf("bob@-not-a-domain-"))).toMatchObject({ condition: "item-not-found" });
    expect(await writeTo(`bob\\40x\\5c20y@${gatewayJid}`)).toMatchObject({ condition: "item-not-found" });
    alice.send(`<presence type='subscribe' to='nobody-at-all@${gatewayJid}' id='sub'/>`);
    expect(await alice.errorOn("sub")).toMatchObject({ condition: "item-not-found" });
    expect(await alice.ask("add bob@@example.test")).toMatch(/^"bob@@example\.test" is not an address here\./);
    expect(await alice.ask("cancel")).toBe("Cancelled.");
    expect(await alice.ask("full nonsense")).toBe('There is no message of "nonsense" that is still kept in full.');
    expect(await alice.ask("contacts")).toBe("You have no contacts here yet.");
  });
});
