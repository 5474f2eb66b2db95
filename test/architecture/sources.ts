// The sources as text, for tests about the sources.
import { readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A source file: its path from the root, with "/". */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** All TypeScript files below these folders. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
      .filter((path) => path.endsWith(".ts"))
      .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") })),
  );
}

/** What a module imports: relative specifiers as paths from the root, all others as they are. */
export function importsOf({ path, text }: SourceFile): string[] {
  const specifiers = [...withoutComments(text).matchAll(/\b(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g)];
  return specifiers.flatMap(([, specifier]) => {
    if (specifier === undefined) return [];
    return [specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier];
  });
}

/** The code alone. Text in quotes stays: imports are text in quotes. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, "");
}
