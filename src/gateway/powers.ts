// What commands may do, done with the core.
import type { Answers, GuardedFetch, LiveSession, Logger } from "#bridge";
import { inTime } from "./ask.ts";
import { type CommandPowers, signInWith } from "./commands.ts";
import type { Question } from "./dialogs.ts";
import { GatewayError } from "./errors.ts";
import type { Gateway } from "./gateway.ts";
import { peerKey } from "./lane-ports.ts";
import type { AccountRecord, Clock, Store } from "./ports.ts";
import { RateLimit } from "./rate.ts";

export interface PowersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Per user, in 15 minutes (security.md H13). */
  readonly loginAttempts: number;
  readonly fetch: GuardedFetch;
}

export function createPowers(
  gateway: Gateway,
  { store, clock, log, loginAttempts, fetch }: PowersOptions,
): CommandPowers {
  const attempts = new RateLimit(clock, loginAttempts / 15, loginAttempts);

  const attempt = (user: string) => {
    const wait = attempts.take(user);
    if (wait === 0) return;
    const minutes = Math.ceil(wait / 60_000);
    throw new GatewayError("policy-violation", `Too many sign-in attempts; try again in ${minutes} min.`, {
      wait: true,
    });
  };

  async function* signIn(name: string, user: string): AsyncGenerator<Question, AccountRecord, Answers> {
    const { bridge, options, accountMode } = gateway.bridges.get(name);
    const abort = new AbortController();
    const page = gateway.pages.open(name, user);
    const context = { options, log, fetch, signal: abort.signal, ...(page && { browser: page.browser }) };
    try {
      const steps = accountMode ? bridge.login?.(context) : undefined;
      if (steps === undefined)
        throw new GatewayError("feature-not-implemented", "There is nothing to sign in to here.");
      const signedIn = yield* signInWith(steps, page?.link, () => attempt(user));
      return await gateway.registrations.signIn(name, user, signedIn);
    } finally {
      page?.close();
      abort.abort();
    }
  }

  const live = (account: AccountRecord): LiveSession => {
    const session = gateway.sessions.sessionOf(account.id);
    if (session) return session;
    throw new GatewayError("remote-server-timeout", `${account.self} is not connected; try again later.`, {
      wait: true,
    });
  };

  return {
    accounts: (bridge, user) => gateway.accounts.of(bridge, user),
    pick: (bridge, user, self) => gateway.accounts.pick(bridge, user, self),
    stateOf(account) {
      const live = gateway.sessions.stateOf(account.id);
      return live ? `${live.state}${live.detail ? ` (${live.detail})` : ""}` : "waiting to be started";
    },
    commandsOf: (account) => gateway.sessions.sessionOf(account.id)?.commands ?? [],
    signIn,
    signOut: (account) => gateway.registrations.signOut(account),
    enrol: (bridge, user) => gateway.registrations.enrol(bridge, user),
    contactId: (bridge, text) => gateway.bridges.get(bridge).bridge.contacts.fromLocal(text.trim()),
    async addContact(bridge, user, id, called) {
      const account = await gateway.registrations.accountFor(bridge, user, id);
      const name = called.name ?? (await gateway.profiles.nameOf(account, id));
      await gateway.bridges.get(bridge).contacts.add(account.id, user, id, { ...called, name });
    },
    contactList: (account, limit) => gateway.bridges.get(account.bridge).contacts.page(account.id, "", limit),
    async fullText(bridge, user, id) {
      const account = await gateway.registrations.accountFor(bridge, user, id);
      const last = await store.messages.lastIncoming(account.id, peerKey({ kind: "contact", id }));
      const raw = last && (await store.lanes.rawOf(account.id, last.peer, last.xmppId));
      const { bridge: adapter, options } = gateway.bridges.get(bridge);
      return raw && (await adapter.fullText?.(raw, options));
    },
    chats: (account) => inTime(live(account).listContacts?.() ?? Promise.resolve([]), clock),
    search: (account, text) => inTime(live(account).search?.(text) ?? Promise.resolve([]), clock),
    rooms: (account) => gateway.rooms.choices(account),
    offerRoom: (account, room) => gateway.rooms.offer(account, room.id),
    leaveRoom: (account, room) => gateway.rooms.leave(account, room.id),
    roomAddress: (bridge, local) => gateway.bridges.get(bridge).output.roomAddress(local),
    async waiting(account) {
      // Asked of the database: a lane in memory may be busy with what is done already.
      const heads = await store.lanes.heads(account.id);
      return heads.filter(({ direction }) => direction === "outgoing").length;
    },
  };
}
