// The corpora that lie beside the repository. Tests that read them are skipped where they are missing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../shared/corpora/", import.meta.url));

export const hasCorpora = existsSync(root);

export interface CorpusFile {
  readonly name: string;
  readonly raw: Buffer;
}

export function corpus(folder: "delta-chat" | "reply-fixtures" | "reply-parser"): CorpusFile[] {
  if (!hasCorpora) return [];
  const names = readdirSync(`${root}${folder}`).filter((name) => /\.(?:eml|txt)$/.test(name));
  return names.map((name) => ({ name, raw: readFileSync(`${root}${folder}/${name}`) }));
}

export function corpusMail(name: string): Buffer {
  return readFileSync(`${root}delta-chat/${name}`);
}

export function replyFixture(name: string): string {
  return readFileSync(`${root}reply-fixtures/${name}`, "utf8");
}
