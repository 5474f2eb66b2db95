// The configuration of a throw-away ejabberd 24.12. JSON is YAML, so the lists are written as JSON.
import type { ComponentAccount } from "./xmpp-server.ts";

export interface EjabberdConfig {
  readonly dir: string;
  readonly domain: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  readonly httpPort: number;
  readonly components: readonly ComponentAccount[];
  readonly privilege: boolean;
  readonly certificate: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly archive: boolean;
  readonly logLevel: string;
}

const logLevels: Readonly<Record<string, number>> = { error: 2, warn: 3, info: 4, debug: 5 };

/** The text of ejabberd.yml. */
export function ejabberdConfig(config: EjabberdConfig): string {
  const { dir, domain, components, httpPort, certificate } = config;
  const jids = JSON.stringify(components.map(({ jid }) => jid));
  const hosts = JSON.stringify(Object.fromEntries(components.map(({ jid, secret }) => [jid, { password: secret }])));
  return `# One throw-away ejabberd
loglevel: ${logLevels[config.logLevel] ?? 4}
hosts: [${JSON.stringify(domain)}]
default_db: mnesia
auth_method: internal
auth_password_format: plain
disable_sasl_scram_downgrade_protection: true
use_cache: true
s2s_use_starttls: false
acme: { auto: false }
certfiles: ${JSON.stringify(certificate ? [certificate.certFile, certificate.keyFile] : [])}
negotiation_timeout: 30
shaper: {}
shaper_rules: {}
acl:
  local: { user_regexp: "" }
  loopback: { ip: ["127.0.0.0/8"] }
  gateways: { server: ${jids} }
access_rules:
  local: { allow: local }
  upload: [ { allow: local }, { allow: gateways } ]
  c2s: { allow: all }
  gateways: { allow: gateways }   # mod_privilege wants the name of an access RULE, an ACL name is silently "none"
api_permissions:
  "lab": { from: [mod_http_api], who: { access: { allow: [ acl: loopback ] } }, what: "*" }
listen:
  - { port: ${config.c2sPort}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 1048576, access: c2s, starttls: ${certificate !== undefined} }
  - port: ${config.componentPort}
    ip: "127.0.0.1"
    module: ejabberd_service
    access: all
    shaper: none
    global_routes: false      # default true: the first component to connect gets the routes of ALL hosts of this listener
    hosts: ${hosts}
  - port: ${httpPort}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: { "/api": mod_http_api, "/upload": mod_http_upload, "/ws": ejabberd_http_ws, "/bosh": mod_bosh }
modules:
  mod_adhoc: {}
  mod_blocking: {}
  mod_bosh: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_disco: { extra_domains: ${jids} }
  mod_http_api: {}
  mod_http_upload: { host: "upload.${domain}", put_url: "http://127.0.0.1:${httpPort}/upload", docroot: ${JSON.stringify(`${dir}/upload`)}, max_size: 104857600, access: upload }
  mod_last: {}
${config.archive ? "  mod_mam: { default: always, assume_mam_usage: true }" : ""}
  mod_muc: { host: "rooms.${domain}", access: [allow], access_create: [allow], access_persistent: [allow], default_room_options: { persistent: true, mam: ${config.archive}, anonymous: false } }
  mod_muc_admin: {}
  mod_offline: { access_max_user_messages: { 5000: all } }
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
${config.privilege ? privileges : ""}
  mod_pubsub:
    access_createnode: [allow]
    plugins: [flat, pep]
    force_node_config:
      "urn:xmpp:bookmarks:1": { access_model: whitelist }
      "storage:bookmarks": { access_model: whitelist }
  mod_roster: { versioning: true }
  mod_stream_mgmt: { resend_on_timeout: if_offline }
  mod_time: {}
  mod_vcard: { search: false }
  mod_vcard_xupdate: {}
  mod_version: { show_os: false }
`;
}

/** XEP-0356. */
const privileges = `  mod_privilege:
    roster:   { both: gateways }
    message:  { outgoing: gateways }
    presence: { managed_entity: gateways, roster: gateways }
    iq:
      "http://jabber.org/protocol/pubsub": { both: gateways }
      "http://jabber.org/protocol/pubsub#owner": { both: gateways }
      "urn:xmpp:mam:2": { both: gateways }
      "urn:xmpp:blocking": { both: gateways }
      "jabber:iq:private": { both: gateways }`;
