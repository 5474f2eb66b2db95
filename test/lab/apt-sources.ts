// Reads apt's source lists (sources.list(5)), so that the lab takes packages from the mirror this machine already uses.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const sourcesFolder = "/etc/apt/sources.list.d";

export interface Source {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Path of the key, when the list names one. */
  readonly signedBy: string | undefined;
}

/** Every source of this machine. */
export function machineSources(): Source[] {
  const files = existsSync(sourcesFolder) ? readdirSync(sourcesFolder).map((name) => join(sourcesFolder, name)) : [];
  return ["/etc/apt/sources.list", ...files]
    .filter((file) => existsSync(file) && /\.(list|sources)$/.test(file))
    .flatMap((file) => parseSources(file, readFileSync(file, "utf8")));
}

/** Both formats: one line a source (`.list`) and paragraphs (`.sources`). Only binary package sources. */
export function parseSources(file: string, text: string): Source[] {
  return file.endsWith(".sources") ? parseParagraphs(text) : parseLines(text);
}

function parseLines(text: string): Source[] {
  return text.split("\n").flatMap((line) => {
    const found = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!found) return [];
    const [, options = "", uri = "", suite = "", components = ""] = found;
    return [{ uri, suites: [suite], components: words(components), signedBy: /signed-by=(\S+)/.exec(options)?.[1] }];
  });
}

function parseParagraphs(text: string): Source[] {
  return text.split(/\n[ \t]*\n/).flatMap((paragraph) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, "im").exec(paragraph)?.[1]?.trim();
    const uri = words(field("URIs") ?? "")[0];
    if (!uri || !words(field("Types") ?? "").includes("deb") || /^no$/i.test(field("Enabled") ?? "")) return [];
    // An inline key (a multi-line field) starts with an empty line or a PGP header: only paths are of use to us.
    const key = field("Signed-By");
    return [
      {
        uri,
        suites: words(field("Suites") ?? ""),
        components: words(field("Components") ?? ""),
        signedBy: key?.startsWith("/") ? key : undefined,
      },
    ];
  });
}

/** The source that has `suite` with component main: the mirror. */
export function mainSource(sources: readonly Source[], suite: string): Source | undefined {
  return sources.find((source) => source.suites.includes(suite) && source.components.includes("main"));
}

/** A `.sources` paragraph for another suite on the same mirror. Backports rank below everything unless asked for by `-t`. */
export function backportsSource(mirror: Source, suite: string): string {
  const key = mirror.signedBy ? `Signed-By: ${mirror.signedBy}\n` : "";
  return `Types: deb\nURIs: ${mirror.uri}\nSuites: ${suite}\nComponents: main\n${key}`;
}

/** Another suite on the same mirror as the one line of a `.list`, for an apt that knows nothing else. */
export function sourceLine(mirror: Source, suite: string): string {
  const key = mirror.signedBy ? `[signed-by=${mirror.signedBy}] ` : "";
  return `deb ${key}${mirror.uri} ${suite} main\n`;
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");
