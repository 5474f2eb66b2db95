// `viaduct init`: a configuration to start from, and its secret.
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface Starter {
  /** Where the configuration goes. The secret goes beside it. */
  readonly file: string;
  /** Of the users. */
  readonly domain: string;
  /** Those that are wanted, at least one. */
  readonly networks: readonly StarterNetwork[];
}

export interface StarterNetwork {
  /** The bridge's. */
  readonly name: string;
  readonly title: string;
  /** The gateway's own domain for it. */
  readonly jid: string;
}

/** The text of the file: ten lines that run. */
export function starterText({ domain, networks }: Omit<Starter, "file">): string {
  return `# Viaduct. All options: viaduct schema. Look for mistakes with: viaduct check -c FILE
xmpp: { server: 127.0.0.1:5347, domain: ${domain} } # the component port of your XMPP server, and whose users may use this
store: { path: ./data } # database and key: back up both
bridges:
${networks.map(section).join("")}`;
}

/** What a line means is said once. */
function section({ name, title, jid }: StarterNetwork, index: number): string {
  const [aboutJid, aboutSecret] =
    index === 0
      ? [` # the gateway's own domain for ${title}`, " # the same as in the XMPP server"]
      : [` # and for ${title}`, ""];
  return `  ${name}:\n    jid: ${jid}${aboutJid}\n    secret: { file: secret.txt }${aboutSecret}\n`;
}

/** Writes both files, readable by their owner only. Throws when one exists: nothing is ever overwritten. */
export async function writeStarter(starter: Starter): Promise<{ secretFile: string }> {
  const folder = dirname(starter.file);
  const secretFile = join(folder, "secret.txt");
  await mkdir(folder, { recursive: true });
  await writeFile(starter.file, starterText(starter), { flag: "wx", mode: 0o600 });
  try {
    await writeFile(secretFile, `${randomBytes(24).toString("base64url")}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    // A configuration without the secret it names would be half a start.
    await rm(starter.file);
    throw error;
  }
  return { secretFile };
}
