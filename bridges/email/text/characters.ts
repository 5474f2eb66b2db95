// What this bridge knows of characters beside what all bridges do.

/** Characters that reorder text or are not seen (Unicode TR36): the means of spoofed names. */
export const hiddenDirection = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** A size for people: "512 bytes", "38 kB", "1.2 MB". */
export function humanSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
