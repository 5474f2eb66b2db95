// How users of ours look on a real Synapse.
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { UserProfile } from "#bridge";
import { GhostLooks } from "../../../../bridges/matrix/appservice/ghost-looks.ts";
import { Ghosts } from "../../../../bridges/matrix/appservice/ghosts.ts";
import { createHomeserver } from "../../../../bridges/matrix/appservice/homeserver.ts";
import { MemoryRecords } from "../../../../src/bridge/harness.ts";
import { pictureOf } from "../../../../src/gateway/pictures.ts";
import { pngOf } from "../../../kit/pictures.ts";
import type { Synapse } from "../../../lab/synapse.ts";
import { waitFor } from "../matrix-lab.ts";
import { domainOptions, startDomainSynapse, startWeb, type Web } from "./domain-lab.ts";

let web: Web;
let synapse: Synapse;
beforeAll(async () => {
  web = await startWeb();
  synapse = await startDomainSynapse(web);
}, 60_000);
afterAll(async () => {
  await synapse?.stop();
  await web?.stop();
});

const user = "alice@xmpp.test";
const red = pictureOf(pngOf([255, 0, 0]));
if (red === undefined) throw new Error("no picture");
let made = 0;

/** One user of ours who shows what `profile` says; nothing of them is there yet. */
async function setUp(profile: () => UserProfile, records = new MemoryRecords(), id = `@_xmpp_a${++made}:matrix.test`) {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const { signal } = abort;
  const asToken = domainOptions(synapse.baseUrl, web.url).domain?.asToken ?? "";
  const homeserver = createHomeserver({ baseUrl: synapse.baseUrl, asToken, signal });
  const asked: string[] = [];
  const ghosts: Ghosts = await Ghosts.load({
    homeserver,
    records,
    perHour: 100,
    onMade: (ghost) => looks.refresh(ghost.id, ghost.user),
  });
  const looks = new GhostLooks({
    ghosts,
    homeserver,
    async profileOf(whom) {
      asked.push(whom);
      return profile();
    },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    signal,
    times: { first: 20, most: 50 },
  });
  return {
    id,
    records,
    ghosts,
    looks,
    asked,
    onMatrix: () => homeserver.bot.request("GET", ["v3", "profile", id]),
    looked: (hash: string) =>
      waitFor(
        () => ghosts.get(id)?.picture === hash,
        `the picture "${hash}"`,
        () => JSON.stringify(ghosts.get(id)),
      ),
  };
}

test("a new one has the user's name and picture, and it is remembered", async () => {
  const { id, records, ghosts, asked, onMatrix, looked } = await setUp(() => ({ name: "Alice L.", picture: red }));
  await ghosts.ensure(id, user);
  await looked(red.hash);
  expect(await onMatrix()).toEqual({
    displayname: "Alice L.",
    avatar_url: expect.stringMatching(/^mxc:\/\/matrix\.test\//),
  });
  const again = await setUp(() => ({}), records, id);
  again.looks.told(id, user, red.hash);
  expect([again.ghosts.get(id)?.picture, again.asked, asked]).toEqual([red.hash, [], [user]]);
});

test("what is taken away on XMPP is taken away on Matrix", async () => {
  let profile: UserProfile = { picture: red };
  const { id, ghosts, looks, onMatrix, looked } = await setUp(() => profile);
  await ghosts.ensure(id, user);
  await looked(red.hash);
  profile = {};
  looks.told(id, user, "");
  await looked("");
  expect(await onMatrix()).toEqual({ displayname: "alice" });
});

test("a server that does not answer is asked again", async () => {
  let tries = 0;
  const { id, ghosts, looked } = await setUp(() => {
    if (++tries < 3) throw new Error("no answer");
    return { picture: red };
  });
  await ghosts.ensure(id, user);
  await looked(red.hash);
  expect(tries).toBe(3);
});

test("who is not there yet is not made for the sake of a picture", async () => {
  const { id, looks, ghosts, asked } = await setUp(() => ({ picture: red }));
  looks.told(id, user, red.hash);
  expect([asked, ghosts.get(id)]).toEqual([[], undefined]);
});
