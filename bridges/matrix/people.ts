// What people show of themselves, and pictures of people and rooms (Client-Server API, "Profiles", "Content repository").
import { BridgeError, type AvatarId, type FileContent, type Profile, type RemoteId } from "#bridge";
import type { Api } from "./api.ts";
import { matrixError, MatrixError } from "./errors.ts";
import { avatarIn } from "./events/media.ts";
import { isUserId, parseMxc } from "./ids.ts";
import { textAt } from "./json.ts";
import { contentOf, mediaPaths } from "./media.ts";
import { cleanName } from "./text/characters.ts";

const timeout = 20_000;

export async function profile(api: Api, id: RemoteId): Promise<Profile | undefined> {
  if (!isUserId(id)) return undefined;
  try {
    const answer = await api.request("GET", ["v3", "profile", id], { timeout, maxBytes: 65_536 });
    const name = textAt(answer, "displayname");
    const avatar = avatarIn(answer, "avatar_url");
    return { ...(name ? { name: cleanName(name, id) } : {}), ...(avatar === undefined ? {} : { avatar }) };
  } catch (error) {
    // Some servers keep profiles to those who share a room: what is not told is not known.
    if (error instanceof MatrixError && (error.status === 404 || error.status === 403)) return undefined;
    throw matrixError(error);
  }
}

/** A thumbnail: cut to a square, and not moving. */
export async function openAvatar(
  api: Api,
  avatar: AvatarId,
  pixels: number,
  signal: AbortSignal,
): Promise<FileContent> {
  const place = parseMxc(avatar);
  if (place === undefined) throw new BridgeError("reject", "This is no picture.", { condition: "item-not-found" });
  const size = String(pixels);
  const query = { width: size, height: size, method: "crop", animated: "false" };
  const init = { method: "GET", query, signal, timeout, maxBytes: Number.POSITIVE_INFINITY } as const;
  return contentOf(api, mediaPaths("thumbnail", place), init);
}
