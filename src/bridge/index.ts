// The bridge contract. A bridge imports this module (as `#bridge`) and nothing else of ours.
export * from "./addresses.ts";
export type * from "./bridge.ts";
export * from "./errors.ts";
export type * from "./events.ts";
export * from "./fetch-file.ts";
export type * from "./files.ts";
export type * from "./group-chats.ts";
export type * from "./login.ts";
export type * from "./message.ts";
export type * from "./operator.ts";
export type * from "./people.ts";
export type * from "./rooms.ts";
export * from "./text.ts";
export type * from "./verbs.ts";
export * from "./waiting.ts";
