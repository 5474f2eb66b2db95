// The configuration of a throw-away Dovecot 2.3: IMAP, IMAPS, LMTP, and SASL for Postfix.

export interface DovecotConfig {
  readonly dir: string;
  readonly name: string;
  readonly imapPort: number;
  readonly imapsPort: number;
  readonly lmtpPort: number;
  readonly saslPort: number;
  readonly password: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** IMAP connections at the same time. */
  readonly connections: number;
}

/** The text of dovecot.conf. Every account exists: any user@any.domain; mailboxes are made on first use. */
export function dovecotConfig(config: DovecotConfig): string {
  const { dir, connections } = config;
  return `# One throw-away Dovecot
base_dir = ${dir}/run/
state_dir = ${dir}/state
instance_name = ${config.name}
log_path = ${dir}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
first_valid_gid = 1
mail_uid = mail
mail_gid = mail
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_cache_size = 0
auth_failure_delay = 0
ssl = yes
ssl_cert = <${config.certFile}
ssl_key = <${config.keyFile}
ssl_dh =
mail_location = maildir:${dir}/mail/%Lu/Maildir
mail_home = ${dir}/mail/%Lu
mail_fsync = never
mailbox_list_index = yes
# Where inotify instances run out Dovecot polls: 30 s by default.
mailbox_idle_check_interval = 5 s
mail_max_userip_connections = 10000
mail_attribute_dict = file:%h/dovecot-attributes
lda_mailbox_autocreate = yes
lda_mailbox_autosubscribe = yes
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
hostname = localhost
postmaster_address = postmaster@localhost
imap_idle_notify_interval = 2 mins
maildir_stat_dirs = no
default_client_limit = ${connections * 3}
default_process_limit = ${connections + 100}
passdb {
  driver = static
  args = password=${config.password}
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${dir}/mail/%Lu allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = /
${["Drafts", "Sent", "Junk", "Trash", "Archive"].map(specialUse).join("\n")}
}
protocol imap {
  imap_metadata = yes
  mail_plugins =
}
service imap-login {
  # Many connections a process instead of one: a TLS connection keeps its login process for as long as it lives.
  service_count = 0
  client_limit = ${connections * 2}
  process_min_avail = 1
  process_limit = 4
  vsz_limit = 1 G
  inet_listener imap {
    port = ${config.imapPort}
  }
  inet_listener imaps {
    port = ${config.imapsPort}
    ssl = yes
  }
}
service imap {
  process_limit = ${connections + 100}
}
service lmtp {
  inet_listener lmtp {
    port = ${config.lmtpPort}
  }
}
service auth {
  client_limit = ${connections * 6}
  inet_listener {
    port = ${config.saslPort}
  }
}
service anvil {
  chroot =
  # No growing delay for an address that gave a wrong password before.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
  client_limit = ${connections * 6}
}
service stats {
  chroot =
  client_limit = ${connections * 6}
}
`;
}

/** RFC 6154. */
const specialUse = (name: string): string => `  mailbox ${name} {
    auto = subscribe
    special_use = \\${name}
  }`;
