// What people show of themselves: names and pictures (XEP-0054, XEP-0084, XEP-0153 and XEP-0172 on the other side).

/**
 * Names the picture of a person or a room on the network. Opaque to the core; another picture has another one. At most
 * 1,000 characters.
 */
export type AvatarId = string;

/** What somebody on the network shows of themselves. Absent: nothing. */
export interface Profile {
  /** Already cleaned of what could pass for an address. */
  readonly name?: string;
  readonly avatar?: AvatarId;
}

export type PictureType = "image/png" | "image/jpeg" | "image/gif" | "image/webp";

/** A picture that the core has looked at: of that type, and neither large nor wide. */
export interface Picture {
  readonly type: PictureType;
  readonly bytes: Uint8Array;
  /** SHA-1 of the bytes in lower-case hexadecimal (XEP-0153). */
  readonly hash: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** What a user shows of themselves on XMPP. Absent: nothing. */
export interface UserProfile {
  readonly name?: string;
  readonly picture?: Picture;
}
