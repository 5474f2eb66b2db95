// Alice signs out: nothing of her stays, and bob keeps all of his.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { BridgeError } from "#bridge";
import { aliceSignedIn, signIn, type Story, type StoryOptions } from "./story.ts";

const unregister = `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register"><remove/></query></iq>`;
const done = `<iq type="result" id="{id}" from="toy.localhost" to="alice@localhost/phone"/>`;

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "viaduct-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

const nothing = {
  accounts: 0,
  contacts: 0,
  lane_rows: 0,
  originals: 0,
  message_ids: 0,
  conversations: 0,
  reactions: 0,
  records: 0,
  rooms: 0,
  room_names: 0,
  participants: 0,
  occupants: 0,
  archive: 0,
  avatars: 0,
  files: 0,
};

/** How many rows each table has for an account, after the gateway has stopped. */
function rowsOf(dir: string, account: number): Record<string, number> {
  const db = new DatabaseSync(join(dir, "data", "viaduct.db"), { readOnly: true });
  const tables = db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'kysely%' AND name <> 'row_numbers'",
    )
    .all()
    .map((row) => String(row.name));
  const counts = tables.map((table) => {
    const columns = db
      .prepare(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map((row) => row.name);
    const column = table === "accounts" ? "id" : "account";
    if (!columns.includes(column)) throw new Error(`the table ${table} does not say whose its rows are`);
    const row = db.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${column} = ?`).get(account);
    return [table, Number(row?.n)] as const;
  });
  db.close();
  return Object.fromEntries(counts);
}

/** Alice (account 1) and bob (account 2) both have contacts, messages both ways and something that waits. */
async function busy(options: StoryOptions): Promise<Story> {
  const story = await aliceSignedIn(options);
  await signIn(story, "bob", "bo");
  for (const user of ["alice", "bob"]) {
    await story.send(`<presence type="subscribe" from="${user}@localhost" to="carol@toy.localhost"/>`);
    await story.send(
      `<message type="chat" id="m-${user}" from="${user}@localhost/phone" to="carol@toy.localhost"><body>Hello</body></message>`,
    );
  }
  await story.until("both are sent", () => story.network.messages.length === 2);
  for (const name of ["al", "bo"]) story.network.put("carol", name, "Hello back", `c-${name}`);
  await story.skip();
  return story;
}

describe("signing out", () => {
  test("S-09: leaves no row of alice in any table, and takes nothing of bob's", async () => {
    const dir = folder();
    const story = await busy({ dir });
    story.network.trouble.beforeSend = () => {
      throw new BridgeError("retry", "Away.", { retryAfter: 60_000 });
    };
    await story.send(
      `<message type="chat" id="m2" from="alice@localhost/phone" to="dave@toy.localhost"><body>waits</body></message>`,
    );
    await story.skip();
    delete story.network.trouble.beforeSend;
    await story.ask(unregister, done);
    await story.expect(`<presence type="unavailable" from="carol@toy.localhost/viaduct" to="alice@localhost"/>`);
    await story.expect(`<presence type="unsubscribed" from="carol@toy.localhost" to="alice@localhost"/>`);
    await story.nothing();
    expect([...story.viaduct.gateway.lanes.lanes].filter(({ head }) => head.account === 1)).toEqual([]);
    expect(story.viaduct.gateway.lanes.loaded).toBe(0);
    await story.stop();
    expect(rowsOf(dir, 1)).toEqual(nothing);
    const bob = rowsOf(dir, 2);
    expect([bob.accounts, bob.contacts, bob.message_ids]).toEqual([1, 1, 2]);
    expect(bob.lane_rows).toBeGreaterThan(0);
  });

  test("in the middle of a send leaves nothing when the send is done", async () => {
    const dir = folder();
    const story = await aliceSignedIn({ dir });
    let go = () => {};
    let under = false;
    story.network.trouble.beforeSend = () => {
      under = true;
      return new Promise((resolve) => {
        go = resolve;
      });
    };
    await story.send(`<message type="chat" id="m1" from="alice@localhost/phone" to="bob@toy.localhost">
      <body>under way</body><request xmlns="urn:xmpp:receipts"/></message>`);
    await story.until("it is under way", () => under);
    await story.ask(unregister, done);
    go();
    await story.nothing();
    await story.stop();
    expect(rowsOf(dir, 1)).toEqual(nothing);
  });

  test("S-01: her password was never in a file, in plain", async () => {
    const dir = folder();
    const story = await aliceSignedIn({ dir });
    story.network.passwords.set("al", "canary-Xq7-password");
    await story.ask(
      `<iq type="set" id="{id}" from="alice@localhost/phone" to="toy.localhost"><query xmlns="jabber:iq:register">
        <username>al</username><password>canary-Xq7-password</password></query></iq>`,
      done,
    );
    const bytes = () =>
      readdirSync(join(dir, "data"))
        .map((name) => readFileSync(join(dir, "data", name), "latin1"))
        .join("");
    expect(bytes()).toContain("alice@localhost");
    expect(bytes()).not.toContain("canary-Xq7");
    await story.stop();
    expect(bytes()).not.toContain("canary-Xq7");
  });

  test("of nothing is told so", async () => {
    const story = await aliceSignedIn();
    await story.ask(unregister, done);
    await story.ask(
      unregister,
      `<iq type="error" id="{id}" from="toy.localhost" to="alice@localhost/phone"><error type="auth">
        <registration-required xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
        <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">You are not registered here.</text></error></iq>`,
    );
    await story.send(
      `<message type="chat" id="m1" from="alice@localhost/phone" to="bob@toy.localhost"><body>Hello?</body></message>`,
    );
    await story.expect(`<message type="error" id="m1" from="bob@toy.localhost" to="alice@localhost/phone"><error type="auth">
      <registration-required xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>
      <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">Sign in first: send "login" to the gateway.</text></error></message>`);
  });

  test("takes a yes: anything else changes nothing", async () => {
    const story = await aliceSignedIn();
    const write = (text: string) =>
      story.send(`<message type="chat" from="alice@localhost/phone" to="toy.localhost"><body>${text}</body></message>`);
    await write("logout");
    await story.skip();
    await write("no");
    await story.expect(
      `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>Nothing was changed.</body></message>`,
    );
    expect(story.viaduct.gateway.accounts.size).toBe(1);
  });
});
