import type { Addressing } from "#bridge";

const name = /^[a-z0-9][a-z0-9._+ @-]{0,63}$/;
const isName = (text: string) => name.test(text) && !text.endsWith(" ");

export const contacts: Addressing = {
  toLocal: (id) => (isName(id) ? id : undefined),
  fromLocal: (local) => (isName(local.toLowerCase()) ? local.toLowerCase() : undefined),
};
