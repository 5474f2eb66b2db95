// What the link of a bridge's component tells the core.
import type { Accounts } from "./accounts.ts";
import type { Bridges } from "./bridges.ts";
import type { OutputEvents } from "./xmpp-ports.ts";
import type { PresenceBook } from "./presence.ts";
import type { Profiles } from "./profiles.ts";
import type { Registrations } from "./registrations.ts";

export interface LinkEventsOptions {
  readonly bridges: Bridges;
  readonly accounts: Accounts;
  readonly presence: PresenceBook;
  readonly profiles: Profiles;
  readonly registrations: Registrations;
}

/** For the component of one bridge. It is made before the bridge is attached to it; nothing happens before that. */
export function linkEvents(bridge: string, options: LinkEventsOptions): OutputEvents {
  const { bridges, accounts, presence, profiles, registrations } = options;
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
      const known = await bridges.get(bridge).contacts.subscribe(account.id, user, contact);
      presence.show(account, known);
      profiles.look(account, known);
    },
  };
}
