// What the link of a bridge's component tells the core.
import type { Accounts } from "./accounts.ts";
import type { Bridges } from "./bridges.ts";
import type { OutputEvents } from "./ports.ts";
import type { PresenceBook } from "./presence.ts";
import type { Registrations } from "./registrations.ts";

export interface LinkEventsOptions {
  readonly bridges: Bridges;
  readonly accounts: Accounts;
  readonly presence: PresenceBook;
  readonly registrations: Registrations;
}

/** For the component of one bridge. It is made before the bridge is attached to it; nothing happens before that. */
export function linkEvents(bridge: string, options: LinkEventsOptions): OutputEvents {
  const { bridges, accounts, presence, registrations } = options;
  const incoming = () => bridges.get(bridge).incoming;
  return {
    up() {
      incoming().pump();
      presence.announce(bridge, accounts.all(bridge));
    },
    down: () => presence.forget(bridge),
    room: () => incoming().pump(),
    taken: (rows) => incoming().taken(rows),
    lost: (rows) => incoming().lost(rows),
    refused: (key, reason) => incoming().refused(key, reason),
    async subscribed(user, contact) {
      const account = await registrations.accountFor(bridge, user, contact);
      const { contacts, output } = bridges.get(bridge);
      const { name } = await contacts.subscribe(account.id, user, contact);
      output.presence(user, contact, presence.of(account, contact, name));
    },
  };
}
