import type { MailResolver } from "../../../bridges/email/dns.ts";

/** Every name is this machine; nothing else is published. */
export const loopbackResolver: MailResolver = {
  addresses: async () => ["127.0.0.1"],
  srv: async () => [],
  mx: async () => [],
};
