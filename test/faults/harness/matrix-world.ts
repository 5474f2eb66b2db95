// The servers around a gateway under test, for Matrix: Prosody, and a Synapse that has the gateway both as a device of
// alice's and as an application service.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { domainOptions } from "../../../bridges/matrix/appservice/options.ts";
import { registrationYaml } from "../../../bridges/matrix/appservice/registration.ts";
import { matrix } from "../../../bridges/matrix/index.ts";
import { builtFolder } from "../../kit/built.ts";
import { writeConfig } from "../../kit/viaduct.ts";
import { freePorts } from "../../lab/ports.ts";
import { startSynapse, type Synapse } from "../../lab/synapse.ts";
import { startXmppServer } from "../../lab/xmpp-server.ts";
import { gatewayRuns } from "./gateway-runs.ts";
import { aliceUser, matrixNetwork, secrets, serverName } from "./matrix-network.ts";
import { timelineLimit } from "./matrix-peer.ts";
import { connectPerson } from "./person.ts";
import type { World } from "./world.ts";

export interface MatrixWorld extends World {
  readonly synapse: Synapse;
}

/** Servers, configuration, and both users registered. No gateway runs when it returns. */
export async function startMatrixWorld(): Promise<MatrixWorld> {
  process.env["VIADUCT_BUILT"] ??= builtFolder();
  const dir = mkdtempSync(join(tmpdir(), "viaduct-faults-"));
  const [webPort = 0] = await freePorts(1);
  const publicUrl = `http://127.0.0.1:${webPort}/`;
  const gateway = `${publicUrl}bridges/matrix`;
  const { asToken, hsToken } = secrets;
  const service = { serverName, users: "localhost", url: gateway, asToken, hsToken };
  const registration = join(dir, "registration.yaml");
  const parsed = domainOptions.parse({ homeserver: publicUrl, ...service });
  writeFileSync(registration, registrationYaml(parsed, { asToken, hsToken }, gateway));

  const users = { alice: "pw", dora: "pw" };
  const [xmpp, synapse] = await Promise.all([
    startXmppServer("prosody", { users, components: [{ jid: "matrix.localhost", secret: secrets.component }] }),
    startSynapse({
      serverName,
      users: { [aliceUser]: secrets.matrix },
      appservice: registration,
      settings: { filter_timeline_limit: timelineLimit },
    }),
  ]);
  const homeserver = synapse.baseUrl;
  const config = writeConfig(dir, {
    componentPort: xmpp.componentPort,
    bridges: { matrix },
    settings: {
      matrix: { secret: secrets.component, accounts: { homeserver }, domain: { homeserver, ...service } },
    },
    net: { allowPrivateHosts: ["127.0.0.1"] },
    web: { listen: `127.0.0.1:${webPort}`, publicUrl },
    limits: { minFreeDisk: "1 MiB" },
  });
  const network = matrixNetwork(synapse, gateway);
  const alice = await connectPerson(xmpp, "alice", users.alice, network.component);
  const dora = await connectPerson(xmpp, "dora", users.dora, network.component);
  const runs = gatewayRuns(config);
  return Object.assign(runs, {
    xmpp,
    synapse,
    network,
    alice,
    dora,
    database: join(dir, "data", "viaduct.db"),
    async stop() {
      await runs.halt();
      await Promise.all([alice.close(), dora.close()]);
      await Promise.all([xmpp.stop(), synapse.stop()]);
      rmSync(dir, { recursive: true, force: true });
    },
  });
}
