// The configuration of a throw-away Prosody 13. Facts learned the hard way stand beside the option they concern.
import type { ComponentAccount } from "./xmpp-server.ts";

export interface ProsodyConfig {
  readonly dir: string;
  readonly domain: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  readonly httpPort: number;
  readonly components: readonly ComponentAccount[];
  readonly privilege: boolean;
  readonly certificate: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly conflict: "kick_old" | undefined;
  readonly archive: boolean;
  readonly logLevel: string;
}

/** The text of prosody.cfg.lua. */
export function prosodyConfig(config: ProsodyConfig): string {
  const { dir, domain, components } = config;
  const jids = components.map((component) => lua(component.jid));
  const optional = [config.privilege && "privilege", config.certificate && "tls", config.archive && "mam"];
  return `-- One throw-away Prosody
run_as_root = true            -- CI machines run as root; harmless otherwise
pidfile   = ${lua(`${dir}/prosody.pid`)}
data_path = ${lua(`${dir}/data`)}
log = { { levels = { min = ${lua(config.logLevel)} }, to = "file", filename = ${lua(`${dir}/prosody.log`)} } }

interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
c2s_ports  = { ${config.c2sPort} }
c2s_direct_tls_ports = { }
s2s_ports  = { }
s2s_direct_tls_ports = { }
component_interfaces = { "127.0.0.1" }
component_ports = { ${config.componentPort} }
http_interfaces = { "127.0.0.1" }
http_ports  = { ${config.httpPort} }
https_ports = { }
http_external_url = "http://127.0.0.1:${config.httpPort}/"
-- Without it http://127.0.0.1 is 404 "Unknown host". (http_file_share_base_url would switch the upload routes off.)
http_default_host = ${lua(`upload.${domain}`)}
trusted_proxies = { "127.0.0.1" }
admin_socket = ${lua(`${dir}/prosody.sock`)}

storage = "internal"
archive_expires_after = "never"
authentication = "internal_plain"     -- hashed costs 10 to 50 ms a login
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
s2s_require_encryption = false
component_stanza_size_limit = 1024 * 1024
limits = { }
certificates = "."                    -- the default folder is missing here, which would be logged as an error

modules_enabled = {
  "roster", "saslauth", "disco", "ping", "time", "version", "uptime", "private",
  "carbons", "smacks", "pep", "bookmarks", "blocklist", "vcard4", "vcard_legacy",
  "csi_simple", "offline", "register", "adhoc", "announce", "admin_shell", "http",
  ${optional.flatMap((module) => (module ? [`${lua(module)},`] : [])).join(" ")}
}
modules_disabled = { "s2s", "dialback" }
${config.certificate ? `ssl = { certificate = ${lua(config.certificate.certFile)}, key = ${lua(config.certificate.keyFile)} }` : ""}

VirtualHost ${lua(domain)}
  admins = { ${lua(`admin@${domain}`)} }
  disco_items = {
    ${components.map(({ jid }) => `{ ${lua(jid)}, ${lua(jid)} },`).join(" ")}
    { ${lua(`upload.${domain}`)}, "Files" }, { ${lua(`rooms.${domain}`)}, "Rooms" },
  }
${config.privilege ? privileges(jids) : ""}

Component ${lua(`rooms.${domain}`)} "muc"
  ${config.archive ? 'modules_enabled = { "muc_mam" }' : ""}
  restrict_room_creation = false
  muc_room_default_public_jids = true

Component ${lua(`upload.${domain}`)} "http_file_share"
  http_file_share_size_limit = 100 * 1024 * 1024
  http_file_share_daily_quota = 10 * 1024 * 1024 * 1024
  http_file_share_access = { ${[lua(domain), ...jids].join(", ")} } -- lets gateways upload too

${components.map((component) => componentSection(component, config)).join("\n")}`;
}

/** XEP-0356. The module must be loaded on the host and on each component. */
function privileges(jids: readonly string[]): string {
  const granted = `{
    roster = "both", message = "outgoing", presence = "roster",
    iq = {
      ["http://jabber.org/protocol/pubsub"] = "both",
      ["http://jabber.org/protocol/pubsub#owner"] = "both",
      ["urn:xmpp:mam:2"] = "both",
      ["urn:xmpp:blocking"] = "both",
      ["vcard-temp"] = "both",
      ["jabber:iq:private"] = "both",
    },
  }`;
  return `  privileged_entities = {\n    ${jids.map((jid) => `[${jid}] = ${granted},`).join("\n    ")}\n  }`;
}

function componentSection({ jid, secret }: ComponentAccount, config: ProsodyConfig): string {
  const lines = [`Component ${lua(jid)}`, `  component_secret = ${lua(secret)}`];
  if (config.privilege) lines.push('  modules_enabled = { "privilege" }');
  if (config.conflict) lines.push(`  component_conflict_resolve = ${lua(config.conflict)}`);
  return `${lines.join("\n")}\n`;
}

/** A string as a Lua literal. */
export function lua(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&").replace(/\n/g, "\\n").replace(/\r/g, "\\r").replace(/\0/g, "\\0")}"`;
}
