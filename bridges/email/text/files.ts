// The files of a mail: which of them are shown, as files or as lines of the text (email.md 10).
import type { IncomingAttachment, StoredFile } from "#bridge";
import { filesOf, type MailFile } from "./body.ts";
import { humanSize } from "./characters.ts";
import { isProgram } from "./file-name.ts";
import { parseTree } from "./mime-tree.ts";

/** Pictures that the HTML shows are files of their own when they are big, or when there is nothing else. */
const smallPicture = 50_000;
const most = 20;

/** Whether a reader is shown this one. `alone`: the mail has no words. */
const isShown = (file: MailFile, alone: boolean): boolean => alone || !file.inline || file.bytes.length >= smallPicture;

/** Those that are shown, as files that `fileAt` reads. */
export function attachmentsOf(files: readonly MailFile[], alone: boolean): readonly IncomingAttachment[] {
  return files
    .flatMap((file, position) => (isShown(file, alone) ? [{ file, position }] : []))
    .slice(0, most)
    .map(({ file: { name, type, bytes }, position }) => ({ name, type, size: bytes.length, source: position }));
}

/** A line about those that are shown and are no attachment any more; empty when there are none. */
export function restLine(files: readonly MailFile[], alone: boolean): string {
  const rest = files.filter((file) => isShown(file, alone)).length - most;
  return rest > 0 ? `[and ${rest} more files]` : "";
}

/** One line each, where files themselves cannot travel: "[file: report.pdf, application/pdf, 38 kB]". */
export function fileLines(files: readonly MailFile[], alone: boolean): string {
  const shown = files.filter((file) => isShown(file, alone)).slice(0, most);
  const lines = shown.map(({ name, type, bytes }) => {
    const warning = isProgram(name) ? ", a program: opening it is dangerous" : "";
    return `[file: ${name}, ${type}, ${humanSize(bytes.length)}${warning}]`;
  });
  return [...lines, restLine(files, alone)].filter((line) => line !== "").join("\n");
}

/** Sentences for the user. */
export function warningsAbout(attachments: readonly IncomingAttachment[]): readonly string[] {
  return attachments
    .filter(({ name }) => isProgram(name))
    .map(({ name }) => `${name} is a program: opening it is dangerous.`);
}

/** The file that an attachment's `source` names. Throws what parseTree throws. */
export async function fileAt(raw: Uint8Array, source: unknown): Promise<StoredFile | undefined> {
  if (!Number.isSafeInteger(source)) return undefined;
  const file = filesOf(await parseTree(raw))[source as number];
  return file && { type: file.type, bytes: file.bytes };
}
