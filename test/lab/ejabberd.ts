// Starts a throw-away ejabberd (Debian backports, 24.12) on free ports of 127.0.0.1: ready in 1 s, stopped in 2 s.
// Not through ejabberdctl, which wants a user, epmd and a node name: plain erl, no distribution port.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeCertificate } from "./certificate.ts";
import { makeFolder, startDaemon } from "./daemon.ts";
import { ejabberdConfig } from "./ejabberd-config.ts";
import { ejabberdLibraries } from "./packages.ts";
import { freePorts } from "./ports.ts";
import type { XmppServer, XmppServerOptions } from "./xmpp-server.ts";

export async function startEjabberd(options: XmppServerOptions = {}): Promise<XmppServer> {
  const { domain = "localhost", users = {}, archive = false, privilege = false, logLevel = "info" } = options;
  if (options.conflict)
    throw new Error("ejabberd has no such option: it takes a second stream of a component and splits the traffic");
  const libraries = ejabberdLibraries();
  if (!libraries) throw new Error('ejabberd is not installed: run "node test/lab/install.ts ejabberd" as root');
  const folder = await makeFolder("ejabberd", options.dir);
  const dir = folder.path;
  for (const name of ["spool", "upload", "log"]) await mkdir(join(dir, name), { recursive: true });
  const [c2sPort = 0, componentPort = 0, httpPort = 0] = await freePorts(3);
  const certificate = options.tls ? await makeCertificate(dir, domain) : undefined;
  const components = options.components ?? [{ jid: `email.${domain}`, secret: "secret" }];
  const ports = { c2sPort, componentPort, httpPort };
  const configFile = join(dir, "ejabberd.yml");
  const config = { dir, domain, ...ports, components, privilege, certificate, archive, logLevel };
  await writeFile(configFile, ejabberdConfig(config));

  const logFile = join(dir, "log", "ejabberd.log");
  const daemon = await startDaemon({
    name: "ejabberd",
    folder,
    command: "erl",
    args: `+K true +P 250000 +S 2 -noinput -mnesia dir "${dir}/spool" -s ejabberd`.split(" "),
    env: {
      HOME: dir,
      EJABBERD_CONFIG_PATH: configFile,
      EJABBERD_LOG_PATH: logFile,
      EJABBERD_PID_PATH: join(dir, "beam.pid"),
      ERL_CRASH_DUMP: join(dir, "crash.dump"),
      ERL_LIBS: libraries,
      ERL_MAX_PORTS: "16384",
    },
    ports: Object.values(ports),
    logs: [logFile],
  });

  const known = new Map(Object.entries(users));
  const register = (user: string, password: string): Promise<void> =>
    callApi(httpPort, "register", { user, host: domain, password });
  const registerAll = async (): Promise<void> => {
    for (const [user, password] of known) await register(user, password);
  };
  await registerAll();

  const startAgain = daemon.start.bind(daemon);
  return Object.assign(daemon, {
    name: "ejabberd" as const,
    domain,
    ...ports,
    logFile,
    certFile: certificate?.certFile,
    addUser: async (user: string, password: string): Promise<void> => {
      known.set(user, password);
      await register(user, password);
    },
    start: async (): Promise<void> => {
      await startAgain();
      await registerAll(); // Mnesia writes some seconds late: accounts made just before a kill are gone
    },
  });
}

/** ejabberd's own API, open to loopback. 409 "exists" is fine: a folder may be used again. */
async function callApi(httpPort: number, command: string, args: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/${command}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(args),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok && response.status !== 409) throw new Error(`ejabberd ${command}: ${response.status} ${text}`);
}
