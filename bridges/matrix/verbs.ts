// What this bridge can do.

export const matrixVerbs = [
  "edit",
  "retract",
  "react",
  "unreact",
  "markRead",
  "setTyping",
  "setPresence",
  "openFile",
  "listRooms",
  "listContacts",
  "join",
  "leave",
  "changeRoom",
  "history",
  "search",
  "profile",
  "openAvatar",
] as const;
export type MatrixVerb = (typeof matrixVerbs)[number];
