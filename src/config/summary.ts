// What `viaduct check` says about a configuration that is right: what will happen, without secrets.
import type { BridgeConfig, Config, ConfiguredPermissions, ConfiguredWeb } from "../config.ts";

/** A few lines for the operator. */
export function summary(config: Config): string {
  const lines = [
    `users: ${people(config.permissions)}`,
    `database: ${config.store.path}/viaduct.db, key: ${config.store.key} (back up both)`,
    ...(config.web === undefined ? [] : [webLine(config.web)]),
    ...config.bridges.flatMap((bridge) => bridgeLines(bridge, config)),
  ];
  return lines.join("\n");
}

function bridgeLines(bridge: BridgeConfig, config: Config): string[] {
  const { host, port } = bridge.server;
  const own =
    bridge.permissions.allow.join() === config.permissions.allow.join()
      ? []
      : [`  users: ${people(bridge.permissions)}`];
  return [`${bridge.name}: connects to ${host}:${port} as ${bridge.jid}`, ...own];
}

function webLine({ listen, publicUrl }: ConfiguredWeb): string {
  return `web: listens on ${listen.host}:${listen.port}, known as ${publicUrl}`;
}

function people({ allow }: ConfiguredPermissions): string {
  if (allow.length === 0) return "nobody (permissions.allow is empty)";
  return allow.map((entry) => (entry.includes("@") ? entry : `everybody at ${entry}`)).join(", ");
}
