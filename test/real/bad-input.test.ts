// What can be wrong on the operator's side: each is one sentence that says what to do, the gateway does not start (exit
// code 1, no stack), and nothing that is stored is touched. `viaduct check` says the same where it can.
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { freePorts } from "../lab/ports.ts";
import { type Command, type CommandOptions, configuration, type Ended, viaduct } from "./operator.ts";
import { setStage } from "./stage.ts";

/** The data of a gateway in which somebody has signed in. */
let used: string;
beforeAll(async () => {
  used = mkdtempSync(join(tmpdir(), "viaduct-used-"));
  const stage = await setStage({ xmpp: "prosody", users: ["alice"], dir: used });
  const alice = await stage.enter("alice");
  expect(await alice.signIn("alice@example.org")).toMatch(/^Signed in/);
  await stage.stop();
});
afterAll(() => rmSync(used, { recursive: true, force: true }));

let dir: string;
let config: string;
let data: string;
let key: string;
let lmtpPort: number;
const commands: Command[] = [];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "viaduct-operator-"));
  [config, data] = [join(dir, "viaduct.yaml"), join(dir, "data")];
  key = join(data, "viaduct.key");
  cpSync(join(used, "data"), data, { recursive: true });
  chmodSync(key, 0o600);
  [lmtpPort = 0] = await freePorts(1);
  configure();
});
afterEach(async () => {
  for (const command of commands.splice(0)) await command.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** No server listens where it points: none of this needs one. */
const configure = (store?: object): void =>
  writeFileSync(config, configuration({ component: 1, imap: 1, submission: 1, smarthost: 1, lmtp: lmtpPort }, store), {
    mode: 0o600,
  });
const run = (options?: CommandOptions): Command => {
  const command = viaduct(["run", "-c", config], options);
  commands.push(command);
  return command;
};
const check = (options?: CommandOptions): Promise<Ended> => viaduct(["check", "-c", config], options).ended;
const refuses = (sentence: string) => ({ code: 1, out: "", err: `${sentence}\n` });

it("the port for mail is taken", async () => {
  const other = createServer().listen(lmtpPort, "127.0.0.1");
  expect(await run().ended).toEqual(
    refuses(
      `cannot listen for mail on 127.0.0.1:${lmtpPort} (EADDRINUSE): another program has this port: stop it, or name another port, in bridges.email.domain`,
    ),
  );
  await new Promise((resolve) => other.close(resolve));
});

it("another viaduct has the database, and is not disturbed", async () => {
  const first = run();
  await first.logs("viaduct accepts");
  [lmtpPort = 0] = await freePorts(1);
  configure();
  expect(await run().ended).toEqual(
    refuses(`another viaduct is running on ${data}/viaduct.db: stop it first, or give this one another store.path`),
  );
  expect(first.running()).toBe(true);
});

it("others can read the key; it starts when they cannot", async () => {
  chmodSync(key, 0o644);
  const sentence = refuses(`the key file ${key} can be read by others: run chmod 600 ${key}`);
  expect(await Promise.all([run().ended, check()])).toEqual([sentence, sentence]);
  chmodSync(key, 0o600);
  await run().logs("viaduct accepts");
});

it("the key cannot be read", async () => {
  chownSync(key, 65_534, 65_534);
  const sentence = refuses(`the key file ${key} cannot be read (EACCES): give it to the user that runs viaduct.`);
  expect(await Promise.all([run({ asMortal: true }).ended, check({ asMortal: true })])).toEqual([sentence, sentence]);
});

it("the key is no key", async () => {
  writeFileSync(key, "hello\n");
  expect(await run().ended).toEqual(refuses(`the key file ${key} must hold 64 hexadecimal digits.`));
  rmSync(key);
  mkdirSync(key, { mode: 0o700 });
  expect(await run().ended).toEqual(
    refuses(`the key file ${key} is not a file: name another one in store.key, or move it away.`),
  );
});

it("the key is gone: no new one is made", async () => {
  renameSync(key, `${key}.lost`);
  const sentence = refuses(
    `the key file ${key} is gone, and ${data}/viaduct.db was made with it: put it back from your backup.`,
  );
  expect(await Promise.all([run().ended, check()])).toEqual([sentence, sentence]);
  expect(existsSync(key)).toBe(false);
});

it("the key is another one than the stored passwords were sealed with; it starts with the right one", async () => {
  const right = readFileSync(key);
  writeFileSync(key, `${"0123456789abcdef".repeat(4)}\n`);
  expect(await run().ended).toEqual(
    refuses(
      `the key does not open the passwords stored in ${data}/viaduct.db: put the key file back that this database was made with, from your backup`,
    ),
  );
  writeFileSync(key, right);
  await run().logs("viaduct accepts");
});

it("the folder of the database cannot be written, or is none", async () => {
  const locked = join(dir, "locked");
  mkdirSync(locked, { mode: 0o755 });
  chownSync(locked, 65_534, 65_534);
  configure({ path: join(locked, "data") });
  const sentence = refuses(
    `the folder ${locked} cannot be written by this user: give it to the user that runs viaduct, or name another store.path.`,
  );
  expect(await Promise.all([run({ asMortal: true }).ended, check({ asMortal: true })])).toEqual([sentence, sentence]);
  configure({ path: config });
  expect(await run().ended).toEqual(
    refuses(`store.path ${config} is not a folder: name another one, or move it away.`),
  );
});

it("the database is something else", async () => {
  writeFileSync(join(data, "viaduct.db"), "something else altogether, and long enough\n".repeat(100));
  expect(await run().ended).toEqual(
    refuses(`the database ${data}/viaduct.db cannot be opened: file is not a database`),
  );
});
