// The two secrets of an application service: what the gateway shows the homeserver, and the other way round.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Records } from "#bridge";
import { parseBytes, textAt, toBytes } from "../json.ts";
import type { DomainOptions } from "./options.ts";

export interface ServiceTokens {
  readonly asToken: string;
  readonly hsToken: string;
}

const key = "tokens";

/** Those of the configuration, or those that were made at the first time, which the store seals. */
export async function openTokens(
  { asToken, hsToken }: Pick<DomainOptions, "asToken" | "hsToken">,
  records: Records,
): Promise<ServiceTokens> {
  if (asToken !== undefined && hsToken !== undefined) return { asToken, hsToken };
  const bytes = (await records.load(key)).get(key);
  const stored = bytes && parseTokens(parseBytes(bytes));
  if (stored !== undefined) return stored;
  const made = { asToken: randomBytes(32).toString("hex"), hsToken: randomBytes(32).toString("hex") };
  await records.save(new Map([[key, toBytes(made)]]));
  return made;
}

function parseTokens(json: unknown): ServiceTokens | undefined {
  const asToken = textAt(json, "asToken");
  const hsToken = textAt(json, "hsToken");
  return asToken && hsToken ? { asToken, hsToken } : undefined;
}

/** In a time that tells nothing about how much of it is right (M01). */
export function isSameToken(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
