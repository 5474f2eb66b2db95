// XEP-0054: vcard-temp, the other way: what a user shows of themselves, as their server keeps it for everybody.
import type { Picture, UserProfile } from "#bridge";
import { pictureOf } from "../../gateway/pictures.ts";
import type { IqTracker } from "../iq.ts";
import { NS } from "../ns.ts";
import { child, type Element, el, textOf } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";

/** Bytes: more than this no client should make of a picture (XEP-0153 section 4 speaks of 8 KiB). */
const mostBytes = 524_288;
const longestName = 100;

/** Rejects with StanzaError when the server does not answer; who has no card shows nothing. */
export async function userProfile(iq: IqTracker, user: string): Promise<UserProfile> {
  try {
    const answer = await iq.request(user, el("vCard", { xmlns: NS.vcard }));
    const card = child(answer, "vCard", NS.vcard);
    return card === undefined ? {} : readCard(card);
  } catch (error) {
    if (error instanceof StanzaError && error.condition === "item-not-found") return {};
    throw error;
  }
}

export function readCard(card: Element): UserProfile {
  const name = nameOf(card);
  const picture = readPicture(card);
  return { ...(name ? { name } : {}), ...(picture ? { picture } : {}) };
}

function nameOf(card: Element): string | undefined {
  const told = textOf(card, "NICKNAME")?.trim() || textOf(card, "FN")?.trim();
  return told?.replace(/\s+/g, " ").slice(0, longestName).toWellFormed();
}

/** By its bytes: what the card says of the type is not asked. */
function readPicture(card: Element): Picture | undefined {
  const text = textOf(child(card, "PHOTO") ?? card, "BINVAL")?.replace(/\s+/g, "");
  if (!text || text.length > (mostBytes / 3) * 4 + 4 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  return pictureOf(Buffer.from(text, "base64"));
}
