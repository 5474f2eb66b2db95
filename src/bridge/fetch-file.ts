// A file that a user sent, fetched from where their client put it.
import type { GuardedFetch } from "./bridge.ts";
import { BridgeError } from "./errors.ts";
import type { FetchedFile, OutgoingFile } from "./files.ts";

export interface FetchFileOptions {
  /** The host's. */
  readonly fetch: GuardedFetch;
  /** Bytes. */
  readonly most: number;
  readonly signal: AbortSignal;
}

/** Milliseconds until the answer begins, and until all of it is here. */
const headTimeout = 30_000;
const wholeTimeout = 120_000;
const mediaType = /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/;

/**
 * The whole file in memory.
 * @throws BridgeError `reject` when it is too big, forbidden or gone, `retry` when its server has trouble.
 */
export async function fetchFile(file: OutgoingFile, { fetch, most, signal }: FetchFileOptions): Promise<FetchedFile> {
  if ((file.size ?? 0) > most) throw tooBig(most);
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(wholeTimeout)]);
    const response = await fetch(file.url, { signal: limited, timeout: headTimeout, maxBytes: most });
    if (!response.ok) {
      await response.body?.cancel();
      const kind = response.status >= 500 || response.status === 429 ? "retry" : "reject";
      throw new BridgeError(kind, `The file cannot be fetched from where it was uploaded (${response.status}).`);
    }
    if (Number(response.headers.get("content-length") ?? 0) > most) {
      await response.body?.cancel();
      throw tooBig(most);
    }
    const bytes = Buffer.from(await response.arrayBuffer());
    if (bytes.length > most) throw tooBig(most);
    const type = file.type ?? response.headers.get("content-type")?.split(";", 1)[0]?.trim() ?? "";
    const name = file.name ?? lastPart(file.url);
    return { name, type: mediaType.test(type) ? type.toLowerCase() : "application/octet-stream", bytes };
  } catch (cause) {
    if (cause instanceof BridgeError) throw cause;
    throw new BridgeError("retry", "The file cannot be fetched from where it was uploaded.", { cause });
  }
}

function lastPart(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
  } catch {
    return "";
  }
}

function tooBig(most: number): BridgeError {
  const size = `${Math.floor(most / 1024 / 1024)} MiB`;
  return new BridgeError("reject", `The file is too big: at most ${size} are taken.`, {
    condition: "policy-violation",
  });
}
