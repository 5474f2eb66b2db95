// Domain mode: users of an XMPP domain are users of the operator's homeserver, without an account of their own there.
import { BridgeError, type Host, type RemoteId, type Service, type ServiceHost } from "#bridge";
import type { Api } from "../api.ts";
import type { MatrixOptions } from "../options.ts";
import { Bot } from "./bot.ts";
import { doTodo } from "./do-todo.ts";
import { ghostApi } from "./ghost-api.ts";
import { GhostChats } from "./ghost-chats.ts";
import { botOf, ghostOf, userOf } from "./ghost-id.ts";
import { GhostLooks } from "./ghost-looks.ts";
import { startGhostSession } from "./ghost-session.ts";
import { Ghosts, registerUser } from "./ghosts.ts";
import { checkHealth } from "./health.ts";
import { createHomeserver } from "./homeserver.ts";
import { createIntake } from "./intake.ts";
import { Ledger } from "./ledger.ts";
import type { DomainOptions } from "./options.ts";
import { createReceiver } from "./receiver.ts";
import { Occupants } from "./occupants.ts";
import { PortalMaking } from "./portal-making.ts";
import { createPortalSession } from "./portal-session.ts";
import { Portals } from "./portals.ts";
import { checkRegistrationFile, serviceUrl } from "./registration.ts";
import { SharedRooms } from "./shared-rooms.ts";
import { enrolled } from "./telling.ts";
import { thirdParty } from "./third-party.ts";
import { Todos } from "./todos.ts";
import { openTokens } from "./tokens.ts";
import { Transactions } from "./transactions.ts";

/** @throws with a sentence for the operator when it cannot run */
export async function startService(host: ServiceHost<MatrixOptions>, domain: DomainOptions): Promise<Service> {
  const { log, records } = host;
  const closing = new AbortController();
  const signal = AbortSignal.any([host.signal, closing.signal]);
  const tokens = await openTokens(domain, records);
  if (domain.registration !== undefined) await checkRegistrationFile(domain.registration, domain, tokens);

  const homeserver = createHomeserver({ baseUrl: domain.homeserver, asToken: tokens.asToken, signal });
  const ghosts: Ghosts = await Ghosts.load({
    homeserver,
    records,
    perHour: domain.ghostsPerHour,
    onMade: ({ id, user }) => looks.refresh(id, user),
  });
  const looks = new GhostLooks({ ghosts, homeserver, profileOf: (user) => host.profileOf(user), log, signal });
  const rooms = await SharedRooms.load(records);
  const todos = await Todos.load({ records, log, signal });
  const transactions = await Transactions.load(records);
  const portals = await Portals.load(records);
  const ledger = new Ledger({ host, rooms, portals, todos });
  const me = botOf(domain);
  const sessions = new Map<number, Host>();
  const chats = new Map<RemoteId, GhostChats>();

  const apiFor = (id: RemoteId, user: string): Api => ghostApi(id, user, ghosts, homeserver);
  /** One for each user, so that the bot and the user themselves do not begin the same chat twice. */
  function chatsOf(self: RemoteId, user: string): GhostChats {
    const known = chats.get(self);
    if (known !== undefined) return known;
    const made = new GhostChats({ self, api: apiFor(self, user), rooms, ledger, space: domain });
    chats.set(self, made);
    return made;
  }
  /** @throws when one of ours cannot be made now, or is nobody */
  async function make(id: RemoteId): Promise<void> {
    if (id === me) return registerUser(homeserver, me);
    const user = (await host.findAccount(id))?.user ?? userOf(id, domain);
    if (user === undefined) throw new BridgeError("reject", `Nobody is ${id}.`, { condition: "item-not-found" });
    await ghosts.ensure(id, user);
  }
  async function apiOf(id: RemoteId): Promise<Api> {
    await make(id);
    return id === me ? homeserver.bot : homeserver.as(id);
  }

  const occupants = await Occupants.load({ homeserver, records, space: domain, ghosts });
  const { groupChats } = domain;
  const portalMaking = new PortalMaking({
    space: domain,
    host,
    portals,
    ledger,
    homeserver,
    makeBot: () => make(me),
    options: { services: groupChats.services, most: groupChats.rooms },
    log,
  });

  const mostPeople = groupChats.people;
  const reader = { space: domain, bot: me, host, ghosts, rooms, homeserver, typing: new Map(), mostPeople, log };
  const takeTransaction = createIntake({
    ledger,
    transactions,
    todos,
    reader,
    hint: (account, hint) => sessions.get(account)?.hint(hint),
  });
  const bot = new Bot({
    space: domain,
    host,
    ghosts,
    findable: domain.findable,
    openChat: (ghost, user, partner) => chatsOf(ghost, user).open(partner),
  });
  let refused: string | undefined;
  const handler = createReceiver({
    hsToken: tokens.hsToken,
    log,
    receiver: {
      async transaction(id, body) {
        if (signal.aborted || refused !== undefined) throw new Error(refused ?? "the gateway is stopping");
        await takeTransaction(id, body);
      },
      async hasUser(id) {
        if (id !== me && (await enrolled(id, reader)) === undefined) return false;
        await make(id);
        return true;
      },
      hasRoom: async (alias) => groupChats.enabled && (await portalMaking.open(alias)),
      thirdParty: (kind, path, query) => thirdParty(kind, path, query, domain),
    },
  });
  const url = serviceUrl(domain, host.mount(handler));

  todos.start((todo) => doTodo(todo, { reader, ledger, rooms, homeserver, ghosts, bot, apiOf }));
  for (const { address, people } of groupChats.enabled ? portals.all() : [])
    host.groupChats.resume(
      address,
      [...people].map(([id, name]) => ({ id, name })),
    );
  const health = checkHealth({
    homeserver,
    domain,
    url,
    log,
    signal,
    refuse: (why) => {
      refused = why;
      closing.abort();
    },
  });

  return {
    addressOf: (user) => ghostOf(user.toLowerCase(), domain),
    async connect({ id, user, self }, session) {
      sessions.set(id, session);
      session.status("online");
      const ghost = ghosts.get(self);
      if (ghost !== undefined && ghost.picture === undefined) looks.refresh(self, user);
      return startGhostSession({
        self,
        user,
        api: apiFor(self, user),
        direct: chatsOf(self, user),
        ghosts,
        looks,
        rooms,
        ledger,
        maxUploadBytes: host.options.accounts.maxUploadBytes,
        host: session,
        onClose: () => {
          if (sessions.get(id) === session) sessions.delete(id);
        },
      });
    },
    groupChat(address) {
      const portal = groupChats.enabled ? portals.of(address) : undefined;
      const { maxUploadBytes } = host.options.accounts;
      return (
        portal && createPortalSession({ portal, homeserver, occupants, fetch: host.fetch, maxUploadBytes, signal })
      );
    },
    async close() {
      closing.abort();
      await Promise.all([health, todos.stop()]);
      // What is being committed comes to its end.
      await ledger.idle();
    },
  };
}
