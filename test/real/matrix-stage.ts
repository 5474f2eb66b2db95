// The stage of a Matrix story on real servers: an XMPP server, Synapse, the gateway between them, and people on both sides.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { registrationYaml } from "../../bridges/matrix/appservice/registration.ts";
import { createMatrixBridge } from "../../bridges/matrix/index.ts";
import { matrixOptions } from "../../bridges/matrix/options.ts";
import type { GatewayLogger } from "../../src/log.ts";
import { MatrixPerson } from "../kit/matrix-person.ts";
import { startViaduct, type Viaduct } from "../kit/viaduct.ts";
import { freePorts } from "../lab/ports.ts";
import { type AppserviceRegistration, startSynapse, type Synapse } from "../lab/synapse.ts";
import { startXmppServer, type XmppServer, type XmppServerName } from "../lab/xmpp-server.ts";
import { connectPerson, matrixNetwork, type Person } from "./person.ts";
import { until } from "./stage.ts";

export interface MatrixStageOptions {
  readonly xmpp: XmppServerName;
  /** Users of the XMPP server, all with the password "pw". */
  readonly users: readonly string[];
  /** Users of the homeserver, all with the password "secret". */
  readonly people: readonly string[];
  /** Those who do not sign in are users of the homeserver as well, by its application service. Default false. */
  readonly domain?: boolean;
  readonly log?: GatewayLogger;
  /** More of the homeserver's configuration. */
  readonly homeserver?: Readonly<Record<string, unknown>>;
  /** What the gateway takes for the homeserver, when something stands before it. */
  readonly front?: (synapse: Synapse) => Promise<string>;
  /** Whether the gateway has a web server. Default true. */
  readonly web?: boolean;
}

export interface MatrixStage {
  readonly xmpp: XmppServer;
  readonly synapse: Synapse;
  readonly gateway: Viaduct;
  /** An XMPP user, logged in; `signIn` takes a Matrix user name. */
  enter(user: string, resource?: string): Promise<Person>;
  /** Somebody on Matrix, with a client of their own. */
  person(user: string, options?: { readonly crypto?: boolean }): Promise<MatrixPerson>;
  /** The XMPP user has an account there and it is online. */
  online(user: string): Promise<void>;
  stopGateway(): Promise<void>;
  startGateway(): Promise<void>;
  stop(): Promise<void>;
}

export async function setMatrixStage(options: MatrixStageOptions): Promise<MatrixStage> {
  const [webPort = 0] = await freePorts(1);
  const service = options.domain ? serviceAt(`http://127.0.0.1:${webPort}/bridges/matrix`) : undefined;
  const [xmpp, synapse] = await Promise.all([
    startXmppServer(options.xmpp, {
      users: Object.fromEntries(options.users.map((user) => [user, "pw"])),
      components: [{ jid: matrixNetwork.gateway, secret: "secret" }],
    }),
    startSynapse({
      users: Object.fromEntries(options.people.map((user) => [user, "secret"])),
      ...(options.homeserver ? { settings: options.homeserver } : {}),
      ...(service === undefined ? {} : { appservice: service.registration }),
    }),
  ]);
  const homeserver = (await options.front?.(synapse)) ?? synapse.baseUrl;
  const dir = mkdtempSync(join(tmpdir(), "viaduct-matrix-"));
  const start = async (): Promise<Viaduct> => {
    const running = await startViaduct({
      componentPort: xmpp.componentPort,
      bridges: { matrix: createMatrixBridge({ times: { first: 50, most: 500 } }) },
      settings: {
        matrix: {
          accounts: { homeserver },
          ...(service === undefined ? {} : { domain: { homeserver, ...service.settings } }),
        },
      },
      net: { allowPrivateHosts: ["127.0.0.1", "localhost", "upload.localhost"] },
      ...(options.web === false
        ? {}
        : { web: { listen: `127.0.0.1:${webPort}`, publicUrl: `http://127.0.0.1:${webPort}/` } }),
      limits: { minFreeDisk: "1 MiB" },
      dir,
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    await until("the component is up", () => running.components.every(({ link }) => link.state === "up"));
    return running;
  };
  let gateway: Viaduct | undefined = await start();
  const users: Person[] = [];
  const people: MatrixPerson[] = [];

  const stage: MatrixStage = {
    xmpp,
    synapse,
    get gateway() {
      if (gateway === undefined) throw new Error("the gateway was stopped");
      return gateway;
    },
    async enter(user, resource = "laptop") {
      const person = await connectPerson({ port: xmpp.c2sPort, user, password: "pw", resource }, matrixNetwork);
      users.push(person);
      return person;
    },
    async person(user, more = {}) {
      const person = await MatrixPerson.connect({ baseUrl: synapse.baseUrl, user, password: "secret", ...more });
      people.push(person);
      return person;
    },
    online: (user) =>
      until(`the account of ${user} is online`, () => {
        const { accounts, sessions } = stage.gateway.gateway;
        const [account] = accounts.of("matrix", `${user}@localhost`);
        return account !== undefined && sessions.stateOf(account.id)?.state === "online";
      }),
    async stopGateway() {
      await gateway?.stop();
      gateway = undefined;
    },
    async startGateway() {
      gateway ??= await start();
    },
    async stop() {
      for (const person of people) person.stop();
      for (const user of users) await user.close();
      await gateway?.stop();
      await Promise.all([xmpp.stop(), synapse.stop()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return stage;
}

/** What the gateway and the homeserver are told of each other. */
function serviceAt(url: string) {
  const tokens = {
    asToken: "gateway-to-homeserver-".padEnd(40, "a"),
    hsToken: "homeserver-to-gateway-".padEnd(40, "h"),
  };
  const settings = { serverName: "matrix.test", users: "localhost", url, ...tokens };
  // Where the homeserver is nobody knows before it runs, and its registration does not say it.
  const { domain } = matrixOptions.parse({ domain: { ...settings, homeserver: "http://127.0.0.1:1" } });
  if (domain === undefined) throw new Error("no domain mode");
  return { settings, registration: parse(registrationYaml(domain, tokens, url)) as AppserviceRegistration };
}
