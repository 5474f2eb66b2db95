// The suite that every bridge passes, for domain mode on a real Synapse.
import { afterAll, beforeAll } from "vitest";
import { createMatrixBridge } from "../../../../bridges/matrix/index.ts";
import type { MemoryHost } from "../../../../src/bridge/harness.ts";
import { connectDomain, type Harness } from "../../../../src/bridge/test-kit.ts";
import { describeConformance } from "../../../kit/conformance.ts";
import { MatrixPerson } from "../../../kit/matrix-person.ts";
import type { Synapse } from "../../../lab/synapse.ts";
import { type HomeserverProxy, startHomeserverProxy } from "../homeserver-proxy.ts";
import { domainOptions, ghost, startDomainSynapse, startWeb, type Web } from "./domain-lab.ts";

const bridge = createMatrixBridge();
let web: Web;
let synapse: Synapse;
let proxy: HomeserverProxy;
let bob: MatrixPerson;
let users = 0;

beforeAll(async () => {
  web = await startWeb();
  synapse = await startDomainSynapse(web);
  proxy = await startHomeserverProxy(synapse.baseUrl);
  bob = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user: "bob", password: "secret" });
}, 60_000);
afterAll(async () => {
  bob.stop();
  await proxy.stop();
  await synapse.stop();
  await web.stop();
});

async function createHarness(): Promise<Harness> {
  users += 1;
  const name = `alice${users}`;
  const self = ghost(name);
  const alice = { bridge, options: domainOptions(proxy.baseUrl, web.url), self };
  /** What the store keeps over a restart of the gateway. */
  let stored: MemoryHost["records"]["map"] = new Map();
  let chat: Promise<string> | undefined;
  return {
    ...alice,
    peer: bob.userId,
    async connect(host) {
      const { records } = host as MemoryHost;
      for (const [key, value] of stored) records.map.set(key, value);
      stored = records.map;
      return connectDomain(alice, `${name}@xmpp.test`, host, (handler) => {
        web.handler = handler;
        return new URL(`${web.url}/`);
      });
    },
    async received() {
      for (const room of bob.client.getRooms()) {
        const isFromAlice = room.getDMInviter() === self && room.getMyMembership() === "invite";
        if (isFromAlice) await bob.join(room.roomId);
      }
      const said = bob.all.filter(({ type, sender }) => type === "m.room.message" && sender === self);
      return said.map(({ content }) => String(content["body"]));
    },
    async write(text) {
      await bob.say(await (chat ??= bob.createDm(self)), text);
    },
    async show(name, picture) {
      await bob.setName(name);
      await bob.setAvatar(picture, "image/png");
    },
    async trouble(kind) {
      const answers = {
        retry: { status: 502, body: "<html>bad gateway</html>" },
        reject: { status: 403, body: JSON.stringify({ errcode: "M_FORBIDDEN", error: "not you" }) },
        "login-required": undefined,
      };
      const answer = kind && answers[kind];
      proxy.script = (method, path) => (method === "PUT" && path.includes("/send/") ? answer : undefined);
    },
    async close() {
      proxy.script = undefined;
    },
  };
}

describeConformance("domain mode", ["cursor", "credentials"], createHarness);
