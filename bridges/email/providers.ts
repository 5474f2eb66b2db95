// The built-in table of large mail providers: their servers, and where an app password is made. From the providers' own
// help pages; a provider that is not here is found by autoconfig, SRV or MX.
import type { Endpoint, MailServers } from "./endpoint.ts";

export interface Provider {
  readonly title: string;
  /** Domains of its addresses. */
  readonly domains: readonly string[];
  /** Suffixes of its MX hosts: domains that let this provider receive their mail have their accounts there too. */
  readonly exchangers?: readonly string[];
  /** Absent: the provider has no IMAP for programs like this one, and `hint` says so. */
  readonly servers?: MailServers;
  /** One sentence for someone whose password was refused. */
  readonly hint?: string;
  /** It puts what is submitted into Sent by itself. */
  readonly savesSent?: boolean;
}

const tls = (host: string, port: number): Endpoint => ({ host, port, security: "tls" });
const starttls = (host: string, port: number): Endpoint => ({ host, port, security: "starttls" });

export const providers: readonly Provider[] = [
  {
    title: "Gmail",
    domains: ["gmail.com", "googlemail.com"],
    exchangers: ["google.com", "googlemail.com"],
    servers: { imap: tls("imap.gmail.com", 993), smtp: tls("smtp.gmail.com", 465) },
    hint: "Gmail takes an app password here, not your normal one: https://myaccount.google.com/apppasswords",
    savesSent: true,
  },
  {
    title: "iCloud Mail",
    domains: ["icloud.com", "me.com", "mac.com"],
    exchangers: ["mail.icloud.com"],
    servers: { imap: tls("imap.mail.me.com", 993), smtp: starttls("smtp.mail.me.com", 587) },
    hint: "iCloud takes an app-specific password here: https://account.apple.com (Sign-In and Security).",
  },
  {
    title: "Outlook",
    domains: [
      "outlook.com",
      "outlook.de",
      "outlook.fr",
      "hotmail.com",
      "hotmail.de",
      "hotmail.fr",
      "live.com",
      "msn.com",
    ],
    exchangers: ["protection.outlook.com", "olc.protection.outlook.com"],
    servers: { imap: tls("outlook.office365.com", 993), smtp: starttls("smtp-mail.outlook.com", 587) },
    hint: "Microsoft is switching off passwords for mail programs. If yours is refused although it is right, this account cannot be used yet.",
    savesSent: true,
  },
  {
    title: "Yahoo Mail",
    domains: [
      "yahoo.com",
      "yahoo.de",
      "yahoo.fr",
      "yahoo.co.uk",
      "yahoo.es",
      "yahoo.it",
      "ymail.com",
      "rocketmail.com",
    ],
    exchangers: ["yahoodns.net"],
    servers: { imap: tls("imap.mail.yahoo.com", 993), smtp: tls("smtp.mail.yahoo.com", 465) },
    hint: "Yahoo takes an app password here: https://login.yahoo.com/account/security",
  },
  {
    title: "AOL Mail",
    domains: ["aol.com", "aol.de"],
    servers: { imap: tls("imap.aol.com", 993), smtp: tls("smtp.aol.com", 465) },
    hint: "AOL takes an app password here: https://login.aol.com/account/security",
  },
  {
    title: "GMX",
    domains: ["gmx.de", "gmx.net", "gmx.at", "gmx.ch"],
    exchangers: ["gmx.net"],
    servers: { imap: tls("imap.gmx.net", 993), smtp: tls("mail.gmx.net", 465) },
    hint: "GMX has to be told to allow IMAP first: in its web mail under E-Mail, Settings, POP3/IMAP. With two-factor sign-in it takes an application password.",
  },
  {
    title: "GMX",
    domains: ["gmx.com", "gmx.us", "gmx.co.uk", "gmx.fr", "gmx.es", "mail.com"],
    servers: { imap: tls("imap.gmx.com", 993), smtp: tls("mail.gmx.com", 465) },
    hint: "GMX has to be told to allow IMAP first: in its web mail under Settings, POP3 & IMAP.",
  },
  {
    title: "WEB.DE",
    domains: ["web.de", "email.de"],
    exchangers: ["web.de"],
    servers: { imap: tls("imap.web.de", 993), smtp: tls("smtp.web.de", 465) },
    hint: "WEB.DE has to be told to allow IMAP first: in its web mail under Settings, POP3/IMAP. With two-factor sign-in it takes an application password.",
  },
  {
    title: "Fastmail",
    domains: ["fastmail.com", "fastmail.fm", "fastmail.net", "fastmail.org", "messagingengine.com"],
    exchangers: ["messagingengine.com"],
    servers: { imap: tls("imap.fastmail.com", 993), smtp: tls("smtp.fastmail.com", 465) },
    hint: "Fastmail takes an app password here: https://app.fastmail.com/settings/security/apps",
  },
  {
    title: "Posteo",
    domains: ["posteo.de", "posteo.net", "posteo.at", "posteo.ch", "posteo.eu", "posteo.org"],
    exchangers: ["posteo.de"],
    servers: { imap: tls("posteo.de", 993), smtp: tls("posteo.de", 465) },
  },
  {
    title: "mailbox.org",
    domains: ["mailbox.org"],
    exchangers: ["mailbox.org"],
    servers: { imap: tls("imap.mailbox.org", 993), smtp: tls("smtp.mailbox.org", 465) },
    hint: "With two-factor sign-in mailbox.org takes an application password here.",
  },
  {
    title: "Proton Mail",
    domains: ["proton.me", "protonmail.com", "protonmail.ch", "pm.me"],
    exchangers: ["protonmail.ch"],
    hint: "Proton Mail has no IMAP of its own, only through its Bridge on your computer: this gateway cannot reach it.",
  },
  {
    title: "Tuta",
    domains: ["tuta.com", "tutanota.com", "tutanota.de", "tutamail.com", "tuta.io", "keemail.me"],
    exchangers: ["tutanota.de"],
    hint: "Tuta has no IMAP: this gateway cannot reach it.",
  },
  {
    title: "T-Online",
    domains: ["t-online.de", "magenta.de"],
    exchangers: ["t-online.de"],
    servers: { imap: tls("secureimap.t-online.de", 993), smtp: tls("securesmtp.t-online.de", 465) },
    hint: "T-Online takes its separate password for e-mail programs here, not the one of your customer login.",
  },
  {
    title: "freenet",
    domains: ["freenet.de"],
    servers: { imap: tls("mx.freenet.de", 993), smtp: starttls("mx.freenet.de", 587) },
  },
  {
    title: "IONOS",
    domains: [],
    exchangers: ["kundenserver.de", "ionos.de", "ionos.com"],
    servers: { imap: tls("imap.ionos.de", 993), smtp: tls("smtp.ionos.de", 465) },
  },
  {
    title: "OVHcloud",
    domains: [],
    exchangers: ["ovh.net"],
    servers: { imap: tls("ssl0.ovh.net", 993), smtp: tls("ssl0.ovh.net", 465) },
  },
  {
    title: "Zoho Mail",
    domains: ["zoho.com", "zohomail.com"],
    exchangers: ["zoho.com"],
    servers: { imap: tls("imap.zoho.com", 993), smtp: tls("smtp.zoho.com", 465) },
    hint: "Zoho needs IMAP switched on in its settings, and an application-specific password with two-factor sign-in.",
  },
  {
    title: "Zoho Mail",
    domains: ["zoho.eu", "zohomail.eu"],
    exchangers: ["zoho.eu"],
    servers: { imap: tls("imap.zoho.eu", 993), smtp: tls("smtp.zoho.eu", 465) },
    hint: "Zoho needs IMAP switched on in its settings, and an application-specific password with two-factor sign-in.",
  },
  {
    title: "Yandex Mail",
    domains: ["yandex.com", "yandex.ru", "ya.ru", "yandex.by", "yandex.kz"],
    exchangers: ["yandex.net", "yandex.ru"],
    servers: { imap: tls("imap.yandex.com", 993), smtp: tls("smtp.yandex.com", 465) },
    hint: "Yandex takes an app password here: https://id.yandex.com/security/app-passwords",
  },
  {
    title: "Migadu",
    domains: [],
    exchangers: ["migadu.com"],
    servers: { imap: tls("imap.migadu.com", 993), smtp: tls("smtp.migadu.com", 465) },
  },
  {
    title: "Gandi Mail",
    domains: [],
    exchangers: ["mail.gandi.net"],
    servers: { imap: tls("mail.gandi.net", 993), smtp: tls("mail.gandi.net", 465) },
  },
  {
    title: "Orange",
    domains: ["orange.fr", "wanadoo.fr"],
    servers: { imap: tls("imap.orange.fr", 993), smtp: tls("smtp.orange.fr", 465) },
  },
  {
    title: "Free",
    domains: ["free.fr"],
    servers: { imap: tls("imap.free.fr", 993), smtp: tls("smtp.free.fr", 465) },
  },
  {
    title: "Disroot",
    domains: ["disroot.org"],
    servers: { imap: tls("disroot.org", 993), smtp: tls("disroot.org", 465) },
  },
  {
    title: "Riseup",
    domains: ["riseup.net"],
    servers: { imap: tls("mail.riseup.net", 993), smtp: tls("mail.riseup.net", 465) },
  },
];

/** The provider of an address's domain. */
export function providerOfDomain(domain: string): Provider | undefined {
  const name = domain.toLowerCase();
  return providers.find((provider) => provider.domains.includes(name));
}

/** The provider whose exchangers receive the mail of a domain. */
export function providerOfExchanger(exchanger: string): Provider | undefined {
  const host = exchanger.toLowerCase().replace(/\.$/, "");
  return providers.find((provider) =>
    provider.exchangers?.some((suffix) => host === suffix || host.endsWith(`.${suffix}`)),
  );
}

/** The provider that runs an IMAP or SMTP host. */
export function providerOfHost(host: string): Provider | undefined {
  const name = host.toLowerCase();
  return providers.find((provider) => provider.servers?.imap.host === name || provider.servers?.smtp.host === name);
}
