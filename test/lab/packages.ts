// What the lab wants from Debian, and how to see without asking dpkg (0.5 s) that it is there.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Unpacked } from "./unpacked.ts";

export type Want = "prosody" | "ejabberd" | "dovecot" | "postfix" | "synapse" | "clients" | "strace" | "gajim";

interface Recipe {
  /** From Debian 12 backports: bookworm itself has Prosody 0.12 and ejabberd 23.01. */
  readonly backports?: readonly string[];
  readonly stable?: readonly string[];
  /** Answers for debconf. */
  readonly preseed?: string;
  /** Not installed but unpacked: from a suite that does not fit this system. */
  readonly unpacked?: Unpacked;
  readonly installed: () => boolean;
}

/** A folder for root alone to write, and kept: the next run and the next clone find it. */
export const synapseRoot = "/var/cache/viaduct-lab/synapse";

const all = (...paths: readonly string[]): boolean => paths.every((path) => existsSync(path));

export const recipes: Record<Want, Recipe> = {
  prosody: {
    backports: ["prosody", "prosody-modules", "lua-unbound", "lua-readline"],
    stable: ["openssl"],
    // mod_account_activity came with Prosody 13; mod_privilege is in prosody-modules.
    installed: () =>
      all(
        "/usr/bin/prosody",
        "/usr/lib/prosody/modules/mod_account_activity.lua",
        "/usr/lib/prosody/modules/mod_privilege",
        "/usr/bin/openssl",
      ),
  },
  ejabberd: {
    backports: ["ejabberd"],
    stable: ["openssl"],
    installed: () => all("/usr/bin/erl", "/usr/bin/openssl") && ejabberdLibraries() !== undefined,
  },
  dovecot: {
    stable: ["dovecot-imapd", "dovecot-lmtpd", "openssl"],
    installed: () =>
      all(
        "/usr/sbin/dovecot",
        "/usr/bin/doveadm",
        "/usr/lib/dovecot/imap",
        "/usr/lib/dovecot/lmtp",
        "/usr/bin/openssl",
      ),
  },
  postfix: {
    stable: ["postfix", "openssl"],
    preseed: "postfix postfix/main_mailer_type select No configuration\n",
    installed: () => all("/usr/lib/postfix/sbin/master", "/usr/sbin/postqueue", "/usr/bin/openssl"),
  },
  synapse: {
    unpacked: {
      root: synapseRoot,
      suite: "sid", // no other suite has it
      packages: ["matrix-synapse"],
      firstRun: "import synapse.app.homeserver",
    },
    installed: () => all(join(synapseRoot, "usr/lib/python3/dist-packages/synapse/app/homeserver.py")),
  },
  clients: {
    stable: ["python3-slixmpp", "go-sendxmpp"],
    installed: () =>
      all("/usr/bin/python3", "/usr/lib/python3/dist-packages/slixmpp/__init__.py", "/usr/bin/go-sendxmpp"),
  },
  strace: { stable: ["strace"], installed: () => all("/usr/bin/strace") },
  gajim: {
    stable: ["gajim", "xvfb", "imagemagick", "xdotool", "dbus", "dbus-x11", "adwaita-icon-theme"],
    installed: () =>
      all("/usr/bin/gajim", "/usr/bin/Xvfb", "/usr/bin/xdotool", "/usr/bin/import", "/usr/bin/dbus-run-session"),
  },
};

/** The folder with ejabberd's Erlang libraries (its name holds the architecture), or undefined. */
export function ejabberdLibraries(): string | undefined {
  for (const name of readdirSync("/usr/lib")) {
    if (!name.includes("-linux-gnu")) continue;
    // 23.01, bookworm's own, has another privilege namespace and is not what the lab was written on.
    const found = readdirSync(`/usr/lib/${name}`).some((entry) => /^ejabberd-(?!23)\d/.test(entry));
    if (found) return `/usr/lib/${name}`;
  }
  return undefined;
}
