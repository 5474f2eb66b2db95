// What commands may do, done with the core.
import type { Answers, Logger, Prompt } from "#bridge";
import { type CommandPowers, signInWith } from "./commands.ts";
import { GatewayError } from "./errors.ts";
import type { Gateway } from "./gateway.ts";
import { type AccountRecord, type Clock, peerKey, type Store } from "./ports.ts";
import { RateLimit } from "./rate.ts";

export interface PowersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Per user, in 15 minutes (security.md H13). */
  readonly loginAttempts: number;
}

export function createPowers(gateway: Gateway, { store, clock, log, loginAttempts }: PowersOptions): CommandPowers {
  const attempts = new RateLimit(clock, loginAttempts / 15, loginAttempts);

  const attempt = (user: string) => {
    const wait = attempts.take(user);
    if (wait === 0) return;
    const minutes = Math.ceil(wait / 60_000);
    throw new GatewayError("policy-violation", `Too many sign-in attempts; try again in ${minutes} min.`, {
      wait: true,
    });
  };

  async function* signIn(name: string, user: string): AsyncGenerator<Prompt, AccountRecord, Answers> {
    const { bridge, options, accountMode } = gateway.bridgeOf(name);
    const abort = new AbortController();
    try {
      const steps = accountMode ? bridge.login?.({ options, log, signal: abort.signal }) : undefined;
      if (steps === undefined)
        throw new GatewayError("feature-not-implemented", "There is nothing to sign in to here.");
      const signedIn = yield* signInWith(steps, () => attempt(user));
      const first = gateway.accounts.of(name, user).length === 0;
      const account = await gateway.accounts.signIn(name, user, signedIn);
      // A session with the old credentials may be there.
      await gateway.sessions.end(account.id);
      gateway.sessions.start(account);
      // XEP-0100 section 4.1.1: the gateway asks to be in the roster, where its presence shows how the account is.
      if (first) await gateway.invite(name, user);
      return account;
    } finally {
      abort.abort();
    }
  }

  return {
    accounts: (bridge, user) => gateway.accounts.of(bridge, user),
    pick: (bridge, user, self) => gateway.accounts.pick(bridge, user, self),
    stateOf(account) {
      const live = gateway.sessions.stateOf(account.id);
      return live ? `${live.state}${live.detail ? ` (${live.detail})` : ""}` : "waiting to be started";
    },
    signIn,
    signOut: (account) => gateway.signOut(account),
    enrol: (bridge, user) => gateway.enrol(bridge, user),
    contactId: (bridge, text) => gateway.bridgeOf(bridge).bridge.contacts.fromLocal(text.trim()),
    async addContact(bridge, user, id, name) {
      const account = await gateway.accountFor(bridge, user, id);
      await gateway.contactsOf(bridge).add(account.id, user, id, name);
    },
    contactList: (account, limit) => gateway.contactsOf(account.bridge).page(account.id, "", limit),
    async fullText(bridge, user, id) {
      const account = await gateway.accountFor(bridge, user, id);
      const last = await store.messages.lastIncoming(account.id, peerKey({ kind: "contact", id }));
      const raw = last && (await store.lanes.rawOf(account.id, last.xmppId));
      const { bridge: adapter, options } = gateway.bridgeOf(bridge);
      return raw && (await adapter.fullText?.(raw, options));
    },
    async waiting(account) {
      const lanes = [...gateway.lanes.lanes];
      return lanes.filter(({ head }) => head.account === account.id && head.direction === "outgoing").length;
    },
  };
}
