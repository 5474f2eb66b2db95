// What is done to the bytes of a mail at the door, before they are stored.
import { readHead } from "./text/head.ts";

/** RFC 5321 section 6.3: this many hops are a loop. */
const mostHops = 100;
/** The head of a mail is at most this long; what comes later cannot hide hops. */
const headBytes = 1_048_576;

const cr = 0x0d;
const lf = 0x0a;

/**
 * Lines end in CR LF, as RFC 5321 section 2.3.8 has it: a lone CR or LF becomes one. Whoever handles the mail later then
 * sees the same lines and the same end as we do (SMTP smuggling, E06). Returns the same bytes when they are fine.
 */
export function normalizeLines(raw: Buffer): Buffer {
  const lone = countLone(raw);
  if (lone === 0) return raw;
  const clean = Buffer.allocUnsafe(raw.length + lone);
  let at = 0;
  for (let index = 0; index < raw.length; index++) {
    const byte = raw[index] ?? 0;
    if (byte === lf && raw[index - 1] !== cr) clean[at++] = cr;
    clean[at++] = byte;
    if (byte === cr && raw[index + 1] !== lf) clean[at++] = lf;
  }
  return clean;
}

function countLone(raw: Buffer): number {
  let lone = 0;
  for (let at = raw.indexOf(lf); at >= 0; at = raw.indexOf(lf, at + 1)) if (raw[at - 1] !== cr) lone += 1;
  for (let at = raw.indexOf(cr); at >= 0; at = raw.indexOf(cr, at + 1)) if (raw[at + 1] !== lf) lone += 1;
  return lone;
}

/**
 * Whether the mail goes in circles (E13). That it was made here says nothing: users of the domain write to each other. One that
 * comes back to who wrote it is known by its Message-ID, by the core.
 */
export function isLooping(raw: Uint8Array): boolean {
  const hops = readHead(raw, headBytes).fields.filter(({ name }) => name === "received");
  return hops.length > mostHops;
}
