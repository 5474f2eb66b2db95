// Durations and sizes as operators write them: "5d", "64 KiB".
const millisecondsPer: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const bytesPer: Readonly<Record<string, number>> = { "": 1, b: 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 };

/** "90s", "5 m", "12h", "5d" in milliseconds; undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})\s*([smhd])$/.exec(text.trim()) ?? [];
  return scaled(count, millisecondsPer[unit ?? "none"]);
}

/** "65536", "64 KiB", "500MiB", "2 GiB" in bytes; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,12})\s*([KMG]iB|B)?$/i.exec(text.trim()) ?? [];
  return scaled(count, bytesPer[(unit ?? "").toLowerCase()]);
}

function scaled(count: string | undefined, factor: number | undefined): number | undefined {
  if (count === undefined || factor === undefined) return undefined;
  const value = Number(count) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}
