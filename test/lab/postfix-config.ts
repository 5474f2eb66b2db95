// The configuration of a throw-away Postfix 3.7: SMTP open to this machine, submission with AUTH checked by Dovecot.
// Mail for the gateway's domains goes to the gateway's listener, everything else to Dovecot: nothing leaves the machine.

export interface PostfixConfig {
  readonly dir: string;
  readonly smtpPort: number;
  readonly submissionPort: number;
  readonly lmtpPort: number;
  readonly saslPort: number;
  readonly gateway: Readonly<Record<string, string>>;
  readonly policyPort: number | undefined;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The text of main.cf. */
export function mainConfig(config: PostfixConfig): string {
  const { dir } = config;
  const dovecot = `lmtp:inet:127.0.0.1:${config.lmtpPort}`;
  const policy = config.policyPort === undefined ? "" : `check_policy_service inet:127.0.0.1:${config.policyPort}, `;
  const routes = Object.entries(config.gateway).map(([domain, transport]) => `{ ${domain} = ${transport} }`);
  return `# One throw-away Postfix
compatibility_level = 3.6
queue_directory = ${dir}/queue
data_directory = ${dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${dir}/postfix.log
maillog_file_prefixes = ${dir}
myhostname = mx.lab.test
mydomain = lab.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
biff = no
append_dot_mydomain = no
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:no local delivery
recipient_delimiter = +
message_size_limit = 104857600
mailbox_size_limit = 0
disable_dns_lookups = yes
smtp_host_lookup = native
default_transport = ${dovecot}
relay_transport = ${dovecot}
transport_maps = inline:{ ${routes.join(" ") || "{ none.invalid = discard: }"} }
smtpd_recipient_restrictions = ${policy}check_recipient_access regexp:${dir}/refused, permit_mynetworks, permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:${config.saslPort}
smtpd_sasl_security_options = noanonymous
broken_sasl_auth_clients = yes
smtpd_tls_cert_file = ${config.certFile}
smtpd_tls_key_file = ${config.keyFile}
smtpd_tls_security_level = may
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_error_sleep_time = 0
smtp_destination_concurrency_limit = 20
in_flow_delay = 0
# An smtpd that finds Dovecot away ends; by default its service then stays shut for a minute.
service_throttle_time = 1s
queue_run_delay = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 20s
maximal_queue_lifetime = 1d
bounce_queue_lifetime = 1d
smtputf8_enable = yes
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C
`;
}

/** The text of master.cf. */
export function masterConfig({ smtpPort, submissionPort, dir }: PostfixConfig): string {
  return `127.0.0.1:${smtpPort} inet n - n - - smtpd
127.0.0.1:${submissionPort} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o { smtpd_recipient_restrictions = check_recipient_access regexp:${dir}/refused, permit_sasl_authenticated, reject }
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
lmtp      unix  - - n - - lmtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
`;
}

/** regexp_table(5): what is refused at RCPT. An address with "@" is one address, otherwise a local part anywhere. */
export function refusedRecipients(reject: readonly string[]): string {
  const more = reject.map((address) => {
    const pattern = address.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
    return `/^${pattern}${address.includes("@") ? "$" : "@"}/ 550 5.1.1 no such user\n`;
  });
  return `/^nobody@/ 550 5.1.1 no such user
/^full@/ 452 4.2.2 mailbox full
/^big@/ 552 5.3.4 message too big for this mailbox
${more.join("")}`;
}
