// The configuration of a throw-away Synapse: SQLite, no federation, passwords that cost nothing. Facts learned the hard
// way stand beside the option they concern. All texts are JSON, which is YAML too.

export interface SynapseConfig {
  readonly dir: string;
  readonly serverName: string;
  readonly port: number;
  /** For the registration API. */
  readonly secret: string;
  readonly logFile: string;
  readonly logConfigFile: string;
  readonly appserviceFile: string | undefined;
  readonly rateLimits: boolean;
  /** Whatever else homeserver.yaml may hold; it wins over what is here. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The text of homeserver.yaml. */
export function synapseConfig(config: SynapseConfig): string {
  const { dir, serverName, port, appserviceFile } = config;
  return JSON.stringify({
    server_name: serverName,
    public_baseurl: `http://127.0.0.1:${port}/`,
    log_config: config.logConfigFile,
    signing_key_path: `${dir}/signing.key`,
    media_store_path: `${dir}/media`,
    max_upload_size: "100M",
    database: { name: "sqlite3", args: { database: `${dir}/homeserver.db` } },
    listeners: [{ port, type: "http", bind_addresses: ["127.0.0.1"], resources: [{ names: ["client"] }] }],
    registration_shared_secret: config.secret,
    macaroon_secret_key: "lab",
    form_secret: "lab",
    bcrypt_rounds: 4, // the default of 12 costs 250 ms a login
    user_directory: { enabled: true, search_all_users: true },
    room_list_publication_rules: [{ action: "allow" }], // the default lets nobody publish a room
    app_service_config_files: appserviceFile === undefined ? [] : [appserviceFile],
    experimental_features: {
      msc2409_to_device_messages_enabled: true, // to-device messages in an application service's transactions
      msc3202_transaction_extensions: true, // device lists and key counts in them
    },
    // Nothing leaves the machine.
    federation_domain_whitelist: [],
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    report_stats: false,
    url_preview_enabled: false,
    ...(config.rateLimits ? {} : withoutRateLimits),
    ...config.settings,
  });
}

const freely = { per_second: 100_000, burst_count: 100_000 };

const withoutRateLimits = {
  rc_message: freely,
  rc_registration: freely,
  rc_login: { address: freely, account: freely, failed_attempts: freely },
  rc_admin_redaction: freely,
  rc_joins: { local: freely, remote: freely },
  rc_joins_per_room: freely,
  rc_key_requests: freely,
  rc_invites: { per_room: freely, per_user: freely, per_issuer: freely },
  rc_media_create: freely,
  rc_presence: { per_user: freely },
  rc_delayed_event_mgmt: freely,
  rc_room_creation: freely,
  rc_reports: freely,
  rc_user_directory: freely,
};

/** The text of the file that `log_config` names: Python's logging.config.dictConfig. */
export function logConfig(logFile: string, level: string): string {
  const file = { class: "logging.FileHandler", formatter: "line", filename: logFile };
  return JSON.stringify({
    version: 1,
    formatters: { line: { format: "%(asctime)s %(name)s %(levelname)s %(request)s %(message)s" } },
    handlers: { file },
    root: { level: level.toUpperCase(), handlers: ["file"] },
    loggers: { "synapse.storage.SQL": { level: "INFO" } }, // at debug it writes every access token into the log
    disable_existing_loggers: false,
  });
}
