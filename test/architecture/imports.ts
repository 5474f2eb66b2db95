// The table of ARCHITECTURE.md section 1 as data, and the search for imports that break it.
import { type SourceFile, importsOf } from "./sources.ts";

interface Area {
  /** Path prefix of the files that this line of the table is about. */
  readonly files: string;
  /** Prefixes of our own files that they may import, beside their own area. */
  readonly may: readonly string[];
}

/** What the core has for those that implement it. */
const ports = ["", "lane-", "room-", "xmpp-", "web-"].map((of) => `src/gateway/${of}ports.ts`);

const table: readonly Area[] = [
  { files: "src/bridge/", may: [] },
  { files: "src/gateway/", may: ["#bridge", "src/bridge/"] },
  { files: "src/xmpp/", may: ["src/gateway/", "src/bridge/", "#bridge"] },
  { files: "src/store/", may: [...ports, "src/bridge/", "#bridge"] },
  { files: "src/web/", may: [...ports, "#bridge"] },
  { files: "src/net/", may: ["#bridge"] },
  { files: "src/config", may: ["#bridge"] },
  { files: "src/log", may: ["#bridge"] },
  { files: "src/clock.ts", may: ["src/gateway/ports.ts"] },
  { files: "src/disk-guard.ts", may: ["src/gateway/ports.ts"] },
];

interface LibraryRule {
  readonly libraries: RegExp;
  /** Prefixes of the files that may import them. */
  readonly only: readonly string[];
}

const libraryRules: readonly LibraryRule[] = [
  { libraries: /^@xmpp\//, only: ["src/xmpp/"] },
  // Autoconfig documents are XML of the mail world (draft-ietf-mailmaint-autoconfig).
  { libraries: /^ltx(\/|$)/, only: ["src/xmpp/", "bridges/email/autoconfig.ts"] },
  { libraries: /^(kysely|better-sqlite3|pg)(\/|$)|^node:sqlite$/, only: ["src/store/"] },
  { libraries: /^(imapflow|nodemailer|postal-mime|smtp-server)(\/|$)/, only: ["bridges/email/"] },
  { libraries: /^(hono|@hono\/node-server)(\/|$)/, only: ["src/web/"] },
  { libraries: /^commander$/, only: ["src/cli.ts"] },
  { libraries: /^pino$/, only: ["src/log.ts"] },
];

// They wire everything, so nobody may lean on them but each other.
const wiring = ["src/main.ts", "src/load-bridges.ts", "src/operator-commands.ts", "src/trial-run.ts", "src/cli.ts"];

/** "src/gateway/a.ts imports src/xmpp/b.ts", for every import that the table does not allow. */
export function forbiddenImports(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter((target) => !isAllowed(file.path, target))
      .map((target) => `${file.path} imports ${target}`),
  );
}

function isAllowed(path: string, target: string): boolean {
  const rule = libraryRules.find(({ libraries }) => libraries.test(target));
  if (rule !== undefined) return startsWithAny(path, rule.only);
  if (!/^(src|bridges|test|bench|demo|scripts)\/|^#/.test(target)) return true;
  if (wiring.includes(path)) return startsWithAny(target, ["src/", "bridges/", "#bridge"]);
  if (wiring.includes(target)) return false;
  const [bridge] = /^bridges\/[^/]+\//.exec(path) ?? [];
  if (bridge !== undefined) return startsWithAny(target, [bridge, "#bridge"]);
  const area = table.find(({ files }) => path.startsWith(files));
  return area !== undefined && startsWithAny(target, [area.files, ...area.may]);
}

function startsWithAny(text: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => text.startsWith(prefix));
}
