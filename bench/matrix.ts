// What the gateway adds to a homeserver, in both directions, and what Matrix accounts cost. The homeserver alone is measured
// in turns with the gateway, in the same shape: people, rooms and long polls are as many.
import { loadBridges } from "../src/load-bridges.ts";
import { startChild, type ViaductChild } from "../test/kit/viaduct-child.ts";
import { writeConfig } from "../test/kit/viaduct.ts";
import { startProsody } from "../test/lab/prosody.ts";
import { startSynapse, type Synapse } from "../test/lab/synapse.ts";
import { settledRss } from "./accounts.ts";
import { type BareClient, bareClient } from "./bare-matrix.ts";
import { directChats, eightRoomsEach, encrypt, manyRooms, seedMatrix, settle } from "./matrix-world.ts";
import { rawClient } from "./raw-client.ts";
import type { Report } from "./report.ts";
import { burst, median, seenOn, sendOne, type Way } from "./ways.ts";

const conversations = 10;
const alone = 40;
/** In each round; the rounds of the ways take turns. */
const inBurst = 100;
const rounds = 2;
/** Synapse needs a minute to let them join their rooms. */
const manyAccounts = 100;
const manyRoomsOfOne = 200;
const keyedAccounts = 20;

interface World {
  readonly prosody: Awaited<ReturnType<typeof startProsody>>;
  readonly synapse: Synapse;
  /** A new folder. */
  readonly folder: () => string;
}

interface Account {
  readonly user: string;
  readonly client: BareClient;
}

export async function matrix(report: Report, folder: () => string): Promise<void> {
  const prosody = await startProsody({
    users: { alice: "pw" },
    components: [{ jid: "matrix.localhost", secret: "secret" }],
    logLevel: "warn",
    archive: false,
  });
  const synapse = await startSynapse({ logLevel: "warning" });
  const world = { prosody, synapse, folder };
  try {
    await messages(report, world);
    await accounts(report, world);
    await keys(report, world);
  } finally {
    await Promise.all([prosody.stop(), synapse.stop()]);
  }
}

async function startGateway(world: World, dir: string): Promise<ViaductChild> {
  const { email: _, ...bridges } = await loadBridges();
  const config = writeConfig(dir, {
    componentPort: world.prosody.componentPort,
    bridges,
    settings: { matrix: { accounts: { homeserver: world.synapse.baseUrl } } },
    net: { allowPrivateHosts: ["127.0.0.1"] },
    limits: { loginsPerSecond: 100 },
  });
  const child = await startChild({ config });
  await child.up();
  return child;
}

async function online(child: ViaductChild, count: number): Promise<void> {
  const deadline = Date.now() + 120_000;
  while ((await child.stats()).online < count) {
    if (Date.now() > deadline)
      throw new Error(`not all ${count} accounts are online:\n${child.output().slice(-2_000)}`);
    await pause(20);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The four ways: with the gateway and without, from the user to people and back. */
interface Ways {
  readonly serverOut: Way;
  readonly serverIn: Way;
  readonly out: Way;
  readonly in: Way;
  close(): void;
}

async function messages(report: Report, world: World): Promise<void> {
  const people = await settle(world.synapse, "person", conversations);
  const [al, bob] = await settle(world.synapse, "user", 2);
  if (al === undefined || bob === undefined) throw new Error("nobody settled");
  const dir = world.folder();
  const rooms = { al: await directChats(al, people), bob: await directChats(bob, people) };
  await seedMatrix(dir, world.synapse.baseUrl, [{ user: "alice@localhost", client: al }]);
  const child = await startGateway(world, dir);
  await online(child, 1);
  const ways = await openWays(world, { people, bob, rooms });
  await measureAlone(report, ways);
  await measureBursts(report, ways, child);
  ways.close();
  for (const client of [...people, al, bob]) client.close();
  await child.stop();
}

/** Al is on the gateway; bob has a bare client, which syncs as the gateway does for al. Each has a second device that watches. */
async function openWays(
  { prosody, synapse }: World,
  { people, bob, rooms }: { people: BareClient[]; bob: BareClient; rooms: { al: string[]; bob: string[] } },
): Promise<Ways> {
  const seen = { al: new Map(), bob: new Map(), alice: new Map() };
  const watchers = [
    await bareClient(synapse.baseUrl, "user0", "secret"),
    await bareClient(synapse.baseUrl, "user1", "secret"),
  ];
  await watchers[0]?.watch(seenOn(seen.al));
  await watchers[1]?.watch(seenOn(seen.bob));
  await bob.watch(() => {});
  const alice = await rawClient(prosody.c2sPort, "alice", "pw");
  const onText = seenOn(seen.alice);
  let rest = "";
  alice.onText = (text) => {
    const all = rest + text;
    let position = 0;
    for (const match of all.matchAll(/<body>(text [^<]*)<\/body>/g)) {
      position = match.index + match[0].length;
      onText(match[1] ?? "");
    }
    rest = all.slice(Math.max(position, all.length - 200));
  };
  const say = (people: readonly BareClient[], to: readonly string[]) => (at: number, text: string) =>
    people[at % people.length]?.say(to[at] ?? "", text);
  return {
    serverOut: { send: say([bob], rooms.bob), waiting: seen.bob },
    serverIn: { send: say(people, rooms.bob), waiting: seen.bob },
    out: {
      send: (at, text) =>
        alice.write(
          `<message to='person${at}\\3amatrix.test@matrix.localhost' type='chat'><body>${text}</body></message>`,
        ),
      waiting: seen.al,
    },
    in: { send: say(people, rooms.al), waiting: seen.alice },
    close() {
      for (const watcher of watchers) watcher.close();
      alice.close();
    },
  };
}

async function measureAlone(report: Report, ways: Ways): Promise<void> {
  const order = ["serverOut", "out", "serverIn", "in"] as const;
  const took = { serverOut: [], out: [], serverIn: [], in: [] } as Record<(typeof order)[number], number[]>;
  const sending: number[] = [];
  for (let at = -10; at < alone; at++) {
    for (const way of order) {
      const { sentMs, seenMs } = await sendOne(ways[way]);
      if (at < 0) continue; // warming up
      took[way].push(seenMs);
      if (way === "serverOut") sending.push(sentMs);
    }
  }
  const server = { out: median(took.serverOut), in: median(took.serverIn) };
  const mean = sending.reduce((sum, ms) => sum + ms, 0) / sending.length;
  report.add("matrix_server_send_p50_ms", median(sending), "ms");
  report.add("matrix_server_per_s", 1000 / mean, "1/s");
  report.add("matrix_server_latency_p50_ms", server.out, "ms");
  report.add("matrix_out_added_p50_ms", median(took.out) - server.out, "ms", "under 8");
  report.add("matrix_in_added_p50_ms", median(took.in) - server.in, "ms", "under 8");
}

async function measureBursts(report: Report, ways: Ways, child: ViaductChild): Promise<void> {
  const spent = { serverOut: 0, out: 0, serverIn: 0, in: 0, outCpu: 0, inCpu: 0 };
  const cpu = async () => {
    await pause(300); // what comes after the last message belongs to it
    return (await child.stats()).cpuMs;
  };
  for (let round = 0; round < rounds; round++) {
    spent.serverOut += await burst(ways.serverOut, inBurst, conversations);
    const before = await cpu();
    spent.out += await burst(ways.out, inBurst, conversations);
    const between = await cpu();
    spent.serverIn += await burst(ways.serverIn, inBurst, conversations);
    const again = await cpu();
    spent.in += await burst(ways.in, inBurst, conversations);
    spent.outCpu += between - before;
    spent.inCpu += (await cpu()) - again;
  }
  const count = inBurst * rounds;
  const rate = (ms: number) => (count / ms) * 1000;
  report.add("matrix_server_burst_per_s", rate(spent.serverOut), "1/s");
  report.add("matrix_out_burst_per_s", rate(spent.out), "1/s");
  report.add("matrix_out_burst_ratio", spent.serverOut / spent.out, "ratio", "at least 0.90 of the homeserver alone");
  report.add("matrix_out_cpu_ms", spent.outCpu / count, "ms", "under 2");
  report.add("matrix_server_in_burst_per_s", rate(spent.serverIn), "1/s");
  report.add("matrix_in_burst_per_s", rate(spent.in), "1/s");
  report.add("matrix_in_burst_ratio", spent.serverIn / spent.in, "ratio", "at least 0.90 of the homeserver alone");
  report.add("matrix_in_cpu_ms", spent.inCpu / count, "ms", "under 2");
}

async function accounts(report: Report, world: World): Promise<void> {
  const { synapse } = world;
  const people = await settle(synapse, "member", manyAccounts);
  const [forAll = ""] = await eightRoomsEach(people);
  const [collector] = await settle(synapse, "collector", 1);
  const [first] = people;
  if (collector === undefined || first === undefined) throw new Error("nobody settled");
  await manyRooms(collector, manyRoomsOfOne);
  const members = people.map((client, at): Account => ({ user: `member${at}@localhost`, client }));

  const one = await idle(world, members.slice(0, 1));
  const inMany = await idle(world, [{ user: "collector@localhost", client: collector }]);
  const all = await idle(world, members);

  const started = performance.now();
  const child = await startGateway(world, all.dir);
  await online(child, manyAccounts);
  const startS = (performance.now() - started) / 1000;
  await pause(1_500);
  const rss = await settledRss(child);
  const perEvent = await eventCpu(child, first, forAll);
  await child.stop();
  for (const client of [...people, collector]) client.close();

  const name = `${manyAccounts} accounts in 8 rooms each, no keys`;
  report.add("matrix_rss_1_account_mb", one.rss, "MB");
  report.add("matrix_rss_per_account_mb", (rss - one.rss) / (manyAccounts - 1), "MB", `at most 0.3; ${name}`);
  report.add("matrix_rss_per_new_account_mb", (all.rss - one.rss) / (manyAccounts - 1), "MB", "after their first sync");
  report.add("matrix_rss_200_rooms_mb", inMany.rss - one.rss, "MB", "at most 15; one account, after its first sync");
  report.add(`matrix_start_${manyAccounts}_s`, startS, "s", "process to all online");
  report.add("matrix_event_cpu_ms", perEvent, "ms", `each event that ${manyAccounts} accounts in one room get`);
}

/** Memory of accounts that keep keys, after their first sync: each is in eight rooms, one of them encrypted. */
async function keys(report: Report, world: World): Promise<void> {
  const people = await settle(world.synapse, "keyed", keyedAccounts);
  const [forAll = ""] = await eightRoomsEach(people);
  const [owner] = people;
  if (owner === undefined) throw new Error("nobody settled");
  await encrypt(owner, forAll);
  const accounts = people.map((client, at): Account => ({ user: `keyed${at}@localhost`, client }));
  const one = await idle(world, accounts.slice(0, 1), "password");
  const all = await idle(world, accounts, "password");
  for (const client of people) client.close();
  const each = (all.rss - one.rss) / (keyedAccounts - 1);
  report.add("matrix_rss_1_keyed_account_mb", one.rss, "MB");
  report.add("matrix_rss_per_keyed_account_mb", each, "MB", `at most 2.5; ${keyedAccounts} accounts with keys`);
}

/** A fresh gateway with these accounts, stopped again: its folder, and its memory when all were online and quiet. */
async function idle(world: World, accounts: readonly Account[], kind: "token" | "password" = "token") {
  const dir = world.folder();
  await seedMatrix(dir, world.synapse.baseUrl, accounts, kind);
  const child = await startGateway(world, dir);
  await online(child, accounts.length);
  await pause(kind === "token" ? 1_500 : 5_000);
  const rss = await settledRss(child);
  await child.stop();
  return { dir, rss };
}

/** CPU of the gateway for each delivery of what is said in a room that all accounts are in. */
async function eventCpu(child: ViaductChild, speaker: BareClient, room: string): Promise<number> {
  const said = 10;
  const before = (await child.stats()).cpuMs;
  for (let at = 0; at < said; at++) {
    await speaker.say(room, `words for all ${at}`);
    await pause(500);
  }
  await pause(1_000);
  return ((await child.stats()).cpuMs - before) / (said * manyAccounts);
}
