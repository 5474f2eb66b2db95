import type { Addressing } from "#bridge";

const name = /^[a-z0-9][a-z0-9._+ @-]{0,63}$/;
const isName = (text: string) => name.test(text) && !text.endsWith(" ");

const roomName = /^#[a-z0-9][a-z0-9._-]{0,63}$/;

/** Rooms have ids that mean nothing and, some of them, addresses. */
export const rooms: Addressing = {
  toLocal: (address) => (roomName.test(address) ? address : undefined),
  fromLocal: (local) => (roomName.test(local) ? local : undefined),
};

export const contacts: Addressing = {
  toLocal: (id) => (isName(id) ? id : undefined),
  fromLocal: (local) => (isName(local.toLowerCase()) ? local.toLowerCase() : undefined),
};
