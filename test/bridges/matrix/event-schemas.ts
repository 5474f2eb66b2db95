// The published schemas of the events that the bridge sends (client-server specification v1.17: m.room.message and its
// msgtypes, m.reaction, relations), written out. Strict: a field that is not of the specification is a mistake.
import { z } from "zod";

const eventId = z.string().regex(/^\$[\x21-\x7e]+$/);
const mxc = z.string().regex(/^mxc:\/\/[a-z0-9.:-]+\/[A-Za-z0-9_-]+$/);
const reply = z.strictObject({ event_id: eventId });

const mentions = z.strictObject({
  user_ids: z
    .array(z.string().regex(/^@[^:]+:.+$/))
    .min(1)
    .optional(),
  room: z.literal(true).optional(),
});

const relatesTo = z.union([
  z.strictObject({ "m.in_reply_to": reply }),
  z.strictObject({
    rel_type: z.literal("m.thread"),
    event_id: eventId,
    is_falling_back: z.boolean(),
    "m.in_reply_to": reply,
  }),
]);

const html = {
  format: z.literal("org.matrix.custom.html").optional(),
  formatted_body: z.string().min(1).optional(),
};

const common = { body: z.string().min(1), "m.mentions": mentions, "m.relates_to": relatesTo.optional(), ...html };

const encryptedFile = z.strictObject({
  url: mxc,
  v: z.literal("v2"),
  key: z.strictObject({
    kty: z.literal("oct"),
    alg: z.literal("A256CTR"),
    ext: z.literal(true),
    k: z.string().length(43),
    key_ops: z.tuple([z.literal("encrypt"), z.literal("decrypt")]),
  }),
  iv: z.string().length(22),
  hashes: z.strictObject({ sha256: z.string().length(43) }),
});

const size = z.int().nonnegative();
const fileInfo = { mimetype: z.string(), size: size.optional() };
/** With MSC2448, which the specification does not have yet. */
const pixels = { w: size.optional(), h: size.optional(), "xyz.amorgan.blurhash": z.string().min(6).optional() };
const source = { filename: z.string().min(1), url: mxc.optional(), file: encryptedFile.optional() };

const textMessage = { msgtype: z.enum(["m.text", "m.emote"]), ...common };

const unrelated = z.union([
  z.strictObject(textMessage),
  z.strictObject({ msgtype: z.literal("m.location"), ...common, geo_uri: z.string().startsWith("geo:") }),
  z.strictObject({ msgtype: z.literal("m.file"), ...common, ...source, info: z.strictObject(fileInfo) }),
  z.strictObject({
    msgtype: z.literal("m.image"),
    ...common,
    ...source,
    info: z.strictObject({ ...fileInfo, ...pixels }),
  }),
  z.strictObject({
    msgtype: z.literal("m.audio"),
    ...common,
    ...source,
    info: z.strictObject({ ...fileInfo, duration: size.optional() }),
  }),
  z.strictObject({
    msgtype: z.literal("m.video"),
    ...common,
    ...source,
    info: z.strictObject({ ...fileInfo, ...pixels, duration: size.optional() }),
  }),
]);

export const roomMessage = z.union([
  unrelated.refine((content) => !("filename" in content) || "url" in content !== "file" in content, "one source"),
  z.strictObject({
    ...textMessage,
    "m.new_content": z.strictObject({ ...textMessage, "m.relates_to": z.never().optional() }),
    "m.relates_to": z.strictObject({ rel_type: z.literal("m.replace"), event_id: eventId }),
  }),
]);

const reference = z.strictObject({ rel_type: z.literal("m.reference"), event_id: eventId });

/** MSC3381, in its stable form and as its draft. */
export const pollResponse = z.union([
  z.strictObject({ "m.relates_to": reference, "m.selections": z.array(z.string().min(1)).min(1) }),
  z.strictObject({
    "m.relates_to": reference,
    "org.matrix.msc3381.poll.response": z.strictObject({ answers: z.array(z.string().min(1)).min(1) }),
  }),
]);

export const reaction = z.strictObject({
  "m.relates_to": z.strictObject({ rel_type: z.literal("m.annotation"), event_id: eventId, key: z.string().min(1) }),
});

/** "m.room.redaction"; `redacts` is here since room version 11. */
const redaction = z.strictObject({ redacts: eventId.optional(), reason: z.string().min(1).optional() });

/** "m.room.topic". */
const topic = z.strictObject({ topic: z.string() });

/** "m.room.member", with what servers put into it. */
const member = z.strictObject({
  membership: z.enum(["invite", "join", "leave", "ban", "knock"]),
  displayname: z.string().nullable().optional(),
  avatar_url: mxc.nullable().optional(),
  is_direct: z.boolean().optional(),
  reason: z.string().min(1).optional(),
});

/** "m.room.power_levels": whole numbers since room version 10. */
const powerLevels = z.strictObject({
  ban: z.int().optional(),
  events: z.record(z.string(), z.int()).optional(),
  events_default: z.int().optional(),
  historical: z.int().optional(),
  invite: z.int().optional(),
  kick: z.int().optional(),
  notifications: z.record(z.string(), z.int()).optional(),
  redact: z.int().optional(),
  state_default: z.int().optional(),
  users: z.record(z.string().regex(/^@[^:]+:.+$/), z.int()).optional(),
  users_default: z.int().optional(),
  // Synapse writes it here, beside `events`; what the bridge does not know it leaves as it is.
  "m.call.invite": z.int().optional(),
});

/** The content of every kind of event that the bridge sends into a room that is not encrypted. */
export const sentEvents: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ["m.room.message", roomMessage],
  ["m.reaction", reaction],
  ["m.room.redaction", redaction],
  ["m.room.topic", topic],
  ["m.room.member", member],
  ["m.room.power_levels", powerLevels],
  ["m.poll.response", pollResponse],
  ["org.matrix.msc3381.poll.response", pollResponse],
]);
