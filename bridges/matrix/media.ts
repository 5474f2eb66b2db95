// Files: read from the homeserver's media repository (authenticated media) and put into it, encrypted ones on the way
// (Client-Server API, "Content repository", "Sending encrypted attachments").
import {
  BridgeError,
  fetchFile,
  type FileContent,
  type FileRange,
  type GuardedFetch,
  type Json,
  type OutgoingFile,
} from "#bridge";
import type { Api, RawRequest } from "./api.ts";
import { decryptFile, encryptFile, type FileKeys } from "./crypto/attachments.ts";
import { matrixError, MatrixError } from "./errors.ts";
import { readMediaSource } from "./events/media.ts";
import { type Mxc, parseMxc } from "./ids.ts";
import { numberAt, textAt } from "./json.ts";
import type { Upload } from "./message-to-event.ts";

export interface MediaDeps {
  readonly api: Api;
  /** For the link that an XMPP client gave. */
  readonly fetch: GuardedFetch;
  readonly maxUploadBytes: number;
  readonly signal: AbortSignal;
}

export interface Media {
  open(source: Json, range: FileRange | undefined, signal: AbortSignal): Promise<FileContent>;
  /** Fetches a file of the user's and uploads it. @throws BridgeError */
  take(file: OutgoingFile, encrypted: boolean): Promise<Upload>;
}

const headTimeout = 30_000;
const uploadTimeout = 120_000;
const mediaType = /^[\w.+-]{1,64}\/[\w.+-]{1,64}$/;

export function createMedia(deps: MediaDeps): Media {
  let serverLimit: number | undefined;

  async function limit(): Promise<number> {
    // A server that does not say has a limit all the same: the upload shows it.
    serverLimit ??=
      numberAt(await deps.api.request("GET", ["v1", "media", "config"]).catch(() => ({})), "m.upload.size") ??
      Number.POSITIVE_INFINITY;
    return Math.min(deps.maxUploadBytes, serverLimit);
  }

  return {
    async open(source, range, signal) {
      const checked = readMediaSource(source);
      if (checked === undefined)
        throw new BridgeError("reject", "This file cannot be read.", { condition: "item-not-found" });
      if ("mxc" in checked) return download(deps.api, checked.mxc, range, signal);
      // The hash is over the whole file: what is sent in parts could not be checked.
      const sealed = await download(deps.api, checked.file.url, undefined, signal);
      return { ...sealed, body: decryptFile(checked.file, sealed.body) };
    },
    async take(file, encrypted) {
      const most = await limit();
      const { bytes, type, name } = await fetchFile(file, { fetch: deps.fetch, most, signal: deps.signal });
      const sealed = encrypted ? await seal(bytes) : undefined;
      const mxc = await upload(deps, sealed?.bytes ?? bytes, sealed === undefined ? type : "application/octet-stream");
      const { url: _, name: __, type: ___, size: ____, ...told } = file;
      return { ...told, mxc, name, type, size: bytes.length, ...(sealed === undefined ? {} : { file: sealed.keys }) };
    },
  };
}

async function download(
  api: Api,
  mxc: string,
  range: FileRange | undefined,
  signal: AbortSignal,
): Promise<FileContent> {
  const place = parseMxc(mxc);
  if (place === undefined)
    throw new BridgeError("reject", "This file cannot be read.", { condition: "item-not-found" });
  const headers: Record<string, string> =
    range === undefined ? {} : { range: `bytes=${range.start}-${range.end ?? ""}` };
  const init = { method: "GET", headers, signal, timeout: headTimeout, maxBytes: Number.POSITIVE_INFINITY } as const;
  return contentOf(api, mediaPaths("download", place), init);
}

/** Where the media repository has something, first by the authenticated way. */
export function mediaPaths(what: "download" | "thumbnail", { server, mediaId }: Mxc): readonly (readonly string[])[] {
  return [
    ["_matrix", "client", "v1", "media", what, server, mediaId],
    // COMPAT(homeservers before Matrix 1.11): media without a token.
    ["_matrix", "media", "v3", what, server, mediaId],
  ];
}

/** What is at the first of these paths that is known to the server. @throws BridgeError */
export async function contentOf(
  api: Api,
  [path = [], ...others]: readonly (readonly string[])[],
  init: RawRequest,
): Promise<FileContent> {
  try {
    const response = await api.raw(path, init);
    if (response.status === 404 && others.length > 0) {
      await response.body?.cancel();
      return await contentOf(api, others, init);
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new MatrixError(
        response.status,
        { errcode: response.status === 404 ? "M_NOT_FOUND" : "" },
        response.headers,
      );
    }
    return { ...factsOf(response), body: response.body };
  } catch (cause) {
    throw matrixError(cause);
  }
}

function factsOf(response: Response): Omit<FileContent, "body"> {
  const type = response.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "") ?? [];
  const partial = response.status === 206 && start !== undefined && end !== undefined;
  const size = Number(partial ? total : (response.headers.get("content-length") ?? Number.NaN));
  return {
    type: mediaType.test(type) ? type : "application/octet-stream",
    // Compressed on its way, it has another length.
    ...(Number.isSafeInteger(size) && !response.headers.has("content-encoding") ? { size } : {}),
    ...(partial ? { range: { start: Number(start), end: Number(end) } } : {}),
  };
}

/** @returns the mxc: URI. @throws BridgeError */
export async function upload(
  { api, signal }: Pick<MediaDeps, "api" | "signal">,
  body: Buffer<ArrayBuffer>,
  type: string,
): Promise<string> {
  try {
    const response = await api.raw(["_matrix", "media", "v3", "upload"], {
      method: "POST",
      headers: { "content-type": type },
      body,
      signal,
      timeout: uploadTimeout,
      maxBytes: 65_536,
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok) throw new MatrixError(response.status, answer, response.headers);
    const mxc = textAt(answer, "content_uri");
    if (parseMxc(mxc) === undefined) throw new BridgeError("retry", "The Matrix server did not say where the file is.");
    return mxc ?? "";
  } catch (cause) {
    throw matrixError(cause);
  }
}

/** In memory, because the length has to be known before the upload begins; `take` bounds it. */
async function seal(plain: Buffer<ArrayBuffer>): Promise<{ bytes: Buffer<ArrayBuffer>; keys: FileKeys }> {
  const { body, keys } = encryptFile(new Blob([plain]).stream());
  const bytes = Buffer.from(await new Response(body).arrayBuffer());
  return { bytes, keys: keys() };
}
