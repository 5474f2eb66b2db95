// The lines to paste into the XMPP server, made from the configuration so that JIDs, port and secret agree.
import type { BridgeConfig, Config } from "../config.ts";

export const serverNames = ["prosody", "ejabberd", "openfire"] as const;
export type ServerName = (typeof serverNames)[number];

/** What the named server needs. Contains the component secrets: print it only when asked. */
export function snippetFor(server: ServerName, config: Config): string {
  switch (server) {
    case "prosody":
      return prosody(config);
    case "ejabberd":
      return ejabberd(config);
    case "openfire":
      return openfire(config);
  }
}

function prosody({ bridges, xmpp }: Config): string {
  const ports = [...new Set(bridges.map(({ server }) => server.port))].join(", ");
  const components = bridges.map(
    ({ jid, secret }) => `Component ${lua(jid)}
    component_secret = ${lua(secret)}
    -- After a network failure the new connection replaces the dead one at once.
    component_conflict_resolve = "kick_old"`,
  );
  const privileges = bridges.map(
    ({ jid }) => `--         [${lua(jid)}] = { roster = "both", message = "outgoing", presence = "roster",
--             iq = { ["http://jabber.org/protocol/pubsub"] = "both" } },`,
  );
  return `-- Viaduct in Prosody 0.12 or 13: paste at the end of prosody.cfg.lua, then restart Prosody.
-- The first line belongs to the global part, above the first VirtualHost.
component_ports = { ${ports} }

${components.join("\n\n")}

-- Optional (XEP-0356, needs the package prosody-modules): contacts appear in the roster without a question, rooms in the
-- bookmarks, and what is read in another program is read in XMPP clients.
-- Add "privilege" to the modules_enabled of both the component above and this host:
-- VirtualHost ${lua(xmpp.domain)}
--     modules_enabled = { "privilege" }
--     privileged_entities = {
${privileges.join("\n")}
--     }
`;
}

function ejabberd({ bridges }: Config): string {
  const listeners = Map.groupBy(bridges, ({ server }) => server.port);
  const entries = [...listeners].map(
    ([port, sharing]) => `  - port: ${port}
    ip: "127.0.0.1"
    module: ejabberd_service
    # Else the first component that connects gets the traffic of all hosts below.
    global_routes: false
    hosts:
${sharing.map(({ jid, secret }) => `      ${yaml(jid)}: { password: ${yaml(secret)} }`).join("\n")}`,
  );
  return `# Viaduct in ejabberd: add to the \`listen\` section of ejabberd.yml, then restart ejabberd.
listen:
${entries.join("\n")}
`;
}

function openfire({ bridges }: Config): string {
  const rows = bridges.map(({ jid, secret, server }) => `| ${subdomain(jid)} | ${markdown(secret)} | ${server.port} |`);
  return `# Viaduct in Openfire

In the admin console:

1. Server > Server Settings > External Components: enable the service on the port below.
2. On the same page, under "Allowed to connect", add each subdomain with its shared secret:

| subdomain | shared secret | port |
|---|---|---|
${rows.join("\n")}

Openfire appends its own domain to the subdomain: \`${subdomain(bridges[0]?.jid ?? "")}\` becomes \`${bridges[0]?.jid ?? ""}\`.
`;
}

function subdomain(jid: BridgeConfig["jid"]): string {
  return jid.split(".", 1).join("");
}

// Secrets have no control characters (schema.ts), so quotes and backslashes are all there is to escape.
function lua(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** JSON text is YAML text. */
function yaml(text: string): string {
  return JSON.stringify(text);
}

function markdown(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}
