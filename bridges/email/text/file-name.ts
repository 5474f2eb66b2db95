// Names of attachments are labels, never paths (E17).
import { cleanLabel } from "#bridge";

const reserved = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** The last path part, visible characters only, at most 120 of them with the ending kept; "file" when nothing is left. */
export function cleanFileName(name: string | undefined): string {
  const decoded = cleanLabel((name ?? "").slice(-2000), 2000).normalize("NFC");
  const last = decoded.split(/[/\\]/).findLast((part) => part.trim() !== "") ?? "";
  const plain = last.replace(/[:*?"<>|]/g, "_").replace(/^[.\s]+|[.\s]+$/g, "");
  if (plain === "") return "file";
  const safe = reserved.test(plain) ? `_${plain}` : plain;
  if (safe.length <= 120) return safe;
  const ending = /\.[\p{L}\p{N}]{1,10}$/u.exec(safe)?.[0] ?? "";
  return safe.slice(0, 120 - ending.length).toWellFormed() + ending;
}

const programs =
  /\.(?:exe|com|scr|pif|bat|cmd|ps1|vbs?|vbe|jse?|wsf|wsh|msi|msp|hta|jar|lnk|reg|cpl|dll|app|dmg|pkg|deb|rpm|apk|sh|iso|img|docm|xlsm|pptm)$/i;

/** Whether opening the file may run it: the user is told. */
export function isProgram(name: string): boolean {
  return programs.test(name);
}
