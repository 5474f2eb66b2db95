// XEP-0153: vCard-Based Avatars: presence names the picture that the card of its sender has.
import { NS } from "../ns.ts";
import { attr, child, type Element, el } from "../stanza.ts";

/** Section 3.2: `hash` of the picture, "" for none; undefined: nothing is said of one. */
export function pictureUpdate(hash: string | undefined): Element | undefined {
  return hash === undefined ? undefined : el("x", { xmlns: NS.vcardUpdate }, el("photo", {}, hash || undefined));
}

/** What the presence of a user says of their picture; undefined when it says nothing, or nothing that is a hash. */
export function pictureOfPresence(stanza: Element): string | undefined {
  if (attr(stanza, "type") !== undefined) return undefined;
  const photo = child(stanza, "x", NS.vcardUpdate);
  const hash = photo && child(photo, "photo")?.getText().trim().toLowerCase();
  return hash !== undefined && /^([0-9a-f]{40})?$/.test(hash) ? hash : undefined;
}
