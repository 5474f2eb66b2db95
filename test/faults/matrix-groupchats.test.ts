// The gateway is killed while a Matrix user and an XMPP user talk in a group chat: nothing gets lost, nothing comes twice,
// and each sees the other's words in their order.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { matrix } from "../../bridges/matrix/index.ts";
import type { FaultPoint } from "../../src/gateway/faults.ts";
import { builtFolder } from "../kit/built.ts";
import { type MatrixPerson, saying } from "../kit/matrix-person.ts";
import { writeConfig } from "../kit/viaduct.ts";
import type { XmppClient } from "../kit/xmpp-client.ts";
import { aliasOf, groupChatServers, type GroupChatServers, makeRoom } from "../real/groupchat-stage.ts";
import { bodyOf } from "../real/person.ts";
import { gatewayRuns, type GatewayRuns } from "./harness/gateway-runs.ts";

const points: readonly FaultPoint[] = [
  "groupchat:written",
  "groupchat:shown",
  "groupchat:heard",
  "groupchat:stored",
  "incoming:offered",
  "incoming:committed",
  "outgoing:prepared",
  "outgoing:sent",
  "outgoing:settled",
];
const messages = 12;
const lounge = "lounge@rooms.localhost";

describe("a group chat while the gateway is killed", () => {
  let servers: GroupChatServers;
  let runs: GatewayRuns;
  let alice: XmppClient;
  let bob: MatrixPerson;
  let room: string;
  const dir = mkdtempSync(join(tmpdir(), "viaduct-faults-"));
  beforeAll(async () => {
    process.env["VIADUCT_BUILT"] ??= builtFolder();
    servers = await groupChatServers({ xmpp: "prosody", users: ["alice"], people: ["bob"] });
    const config = writeConfig(dir, {
      componentPort: servers.xmpp.componentPort,
      bridges: { matrix },
      settings: { matrix: servers.settings({}) },
      net: { allowPrivateHosts: ["127.0.0.1"] },
      web: servers.web,
      limits: { minFreeDisk: "1 MiB" },
    });
    runs = gatewayRuns(config);
    await runs.start();
    alice = await servers.enter("alice");
    await makeRoom(alice, "lounge", "alice");
    bob = await servers.person("bob");
    room = await bob.join(aliasOf("lounge"));
    const isBob = (stanza: { attrs: Record<string, unknown> }) => stanza.attrs["from"] === `${lounge}/bob`;
    await alice.next(isBob, { what: "bob in the room", timeoutMs: 20_000 });
    await runs.halt();
  }, 120_000);
  afterAll(async () => {
    await runs?.halt();
    await servers?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(points)(
    "at %s",
    async (point) => {
      const words = (who: string) => Array.from({ length: messages }, (_, n) => `${point} ${who} ${n}`);
      // While the gateway is away. Synapse (1.160) can pass over a transaction that it made at the moment when an application
      // service came back, so that nothing of bob's may be on its way then.
      for (const text of words("bob")) await bob.say(room, text);
      const talk = async () => {
        for (const [n, body] of words("alice").entries()) {
          const id = alice.message({ to: lounge, type: "groupchat", id: `${point}-${n}`, body });
          await alice.next((stanza) => stanza.attrs.id === id, { what: "her own words", timeoutMs: 20_000 });
        }
      };
      let talking: Promise<void> | undefined;
      await runs.startToDie(`${point}:3`, { onUp: () => void (talking = talk()), withinMs: 30_000 });
      await talking;
      await runs.start();
      const isLast = (stanza: Parameters<typeof bodyOf>[0]) => bodyOf(stanza) === `${point} bob ${messages - 1}`;
      await alice.next(isLast, { what: "the last of bob's", timeoutMs: 60_000 });
      await bob.next(saying(`${point} alice ${messages - 1}`), { what: "the last of alice's", timeoutMs: 60_000 });
      await runs.halt();
      const heard = alice.stanzas.map(bodyOf).filter((body) => body.startsWith(`${point} bob`));
      const seen = bob.all
        .map(({ content }) => String(content["body"]))
        .filter((body) => body.startsWith(`${point} alice`));
      expect(heard).toEqual(words("bob"));
      expect(seen).toEqual(words("alice"));
    },
    150_000,
  );
});
