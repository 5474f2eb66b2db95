// What a user can tell the gateway. One table serves XEP-0050, plain chat and the help text.
import {
  type AnyBridge,
  type Answers,
  BridgeError,
  type Prompt,
  type RemoteId,
  type SessionCommand,
  type Verb,
} from "#bridge";
import { forget } from "./admin-commands.ts";
import { chooseAccount } from "./choose-account.ts";
import type { Dialogue, Question } from "./dialogs.ts";
import { GatewayError } from "./errors.ts";
import type { AccountRecord } from "./ports.ts";
import { chats, find, type PeoplePowers } from "./people-commands.ts";
import { leave, type RoomPowers, rooms } from "./room-commands.ts";
import { commandsOfSessions } from "./session-commands.ts";

/** What commands may do; the gateway implements it. */
export interface CommandPowers extends RoomPowers, PeoplePowers {
  accounts(bridge: string, user: string): readonly AccountRecord[];
  pick(bridge: string, user: string, self: string | undefined): AccountRecord;
  stateOf(account: AccountRecord): string;
  /** What the account's session offers now. */
  commandsOf(account: AccountRecord): readonly SessionCommand[];
  signIn(bridge: string, user: string): AsyncGenerator<Question, AccountRecord, Answers>;
  signOut(account: AccountRecord): Promise<void>;
  enrol(bridge: string, user: string): Promise<AccountRecord | undefined>;
  /** The id a typed address stands for. */
  contactId(bridge: string, text: string): RemoteId | undefined;
  /** `named`: the user gave the name. */
  addContact(
    bridge: string,
    user: string,
    id: RemoteId,
    called: { readonly name: string | undefined; readonly named: boolean },
  ): Promise<void>;
  contactList(
    account: AccountRecord,
    limit: number,
  ): Promise<readonly { readonly id: string; readonly name: string | undefined }[]>;
  /** The whole text of the last message of a contact, or of the newest one at all. */
  fullText(bridge: string, user: string, id: RemoteId): Promise<string | undefined>;
  /** Conversations with messages that wait to be sent. */
  waiting(account: AccountRecord): Promise<number>;
}

export interface CommandContext {
  readonly bridge: AnyBridge;
  /** Users may sign in with an account of their own. */
  readonly accountMode: boolean;
  /** This user has an address without signing in. */
  readonly domainMode: boolean;
  readonly user: string;
  /** The user is one of `permissions.admins`. */
  readonly admin: boolean;
  readonly powers: CommandPowers;
}

export interface Command {
  /** The chat word and the last part of the XEP-0050 node. */
  readonly word: string;
  readonly title: string;
  /** What may follow the word in chat. */
  readonly usage: string;
  readonly needs: "nothing" | "account" | "sign-in" | "admin";
  /** What the bridge must be able to. */
  readonly verb?: Verb;
  /** `rest` is what followed the word in chat; empty from an ad-hoc command. */
  run(context: CommandContext, rest: string): Dialogue;
}

const text = (name: string, label: string, required = true) => ({ name, label, kind: "text" as const, required });

async function* login(context: CommandContext): Dialogue {
  const account = yield* context.powers.signIn(context.bridge.name, context.user);
  return `Signed in as ${account.self}. Add a contact, or just write to one: ${context.bridge.identity.addressPrompt.toLowerCase()}.`;
}

async function* logout(context: CommandContext, rest: string): Dialogue {
  const account = yield* chooseAccount(context, rest, "Sign out", "Which account?");
  const sure = yield {
    title: `Sign out of ${account.self}`,
    instructions: "Its credentials, contacts and waiting messages are deleted here. Nothing is deleted on the network.",
    fields: [{ name: "sure", label: 'Write "yes" to go on', kind: "text", required: true }],
  };
  if (sure.sure?.trim().toLowerCase() !== "yes") return "Nothing was changed.";
  await context.powers.signOut(account);
  return `Signed out of ${account.self}.`;
}

async function* accounts(context: CommandContext): Dialogue {
  const list = context.powers.accounts(context.bridge.name, context.user);
  const lines: string[] = [];
  for (const account of list) {
    const waiting = await context.powers.waiting(account);
    lines.push(
      `${account.self}: ${context.powers.stateOf(account)}${waiting > 0 ? `, ${waiting} ${waiting === 1 ? "conversation waits" : "conversations wait"} to be sent` : ""}`,
    );
  }
  if (lines.length > 0) return lines.join("\n");
  if (context.accountMode) return 'You have no account here. Send "login" to sign in.';
  return `You have no account here.${context.domainMode ? ' Send "join" to get your address.' : ""}`;
}

async function* join(context: CommandContext): Dialogue {
  const account = await context.powers.enrol(context.bridge.name, context.user);
  if (account === undefined) throw new GatewayError("not-allowed", "There is no address for you here.");
  return `Your address is ${account.self}.`;
}

async function* add(context: CommandContext, rest: string): Dialogue {
  let [address = "", ...name] = rest.split(/\s+/);
  let called = name.join(" ");
  let error: string | undefined;
  for (;;) {
    const id = address ? context.powers.contactId(context.bridge.name, address) : undefined;
    if (id !== undefined) {
      const name = called || undefined;
      await context.powers.addContact(context.bridge.name, context.user, id, { name, named: name !== undefined });
      return `${called || id} is in your contacts now.`;
    }
    if (address) error = `"${address}" is not an address here.`;
    const answers: Answers = yield {
      title: "Add a contact",
      instructions: context.bridge.identity.addressPrompt,
      fields: [text("address", "Address"), text("name", "Name", false)],
      ...(error === undefined ? {} : { error }),
    };
    address = answers.address?.trim() ?? "";
    called = answers.name?.trim() ?? "";
  }
}

async function* contacts(context: CommandContext, rest: string): Dialogue {
  const account = yield* chooseAccount(context, rest, "Contacts", "Of which account?");
  const list = await context.powers.contactList(account, 100);
  if (list.length === 0) return "You have no contacts here yet.";
  return list.map((contact) => (contact.name ? `${contact.name} <${contact.id}>` : contact.id)).join("\n");
}

async function* full(context: CommandContext, rest: string): Dialogue {
  let address = rest.trim();
  if (!address) {
    const answers = yield {
      title: "Whole message",
      instructions: "Shows the last message of a contact without cuts.",
      fields: [text("address", "Whose?")],
    };
    address = answers.address?.trim() ?? "";
  }
  const id = context.powers.contactId(context.bridge.name, address);
  const whole = id === undefined ? undefined : await context.powers.fullText(context.bridge.name, context.user, id);
  return whole ?? `There is no message of "${address}" that is still kept in full.`;
}

async function* help(context: CommandContext): Dialogue {
  const lines = available(context).map(
    (command) => `${[command.word, command.usage].join(" ").trim()} - ${command.title}`,
  );
  return [
    `This is the ${context.bridge.identity.title} gateway. You can write:`,
    ...lines,
    "cancel - leave a dialogue",
  ].join("\n");
}

/** A command about one account, whose name or number does not stand in the line. */
function forAccount(
  title: string,
  run: (context: CommandContext, account: AccountRecord, rest: string) => Dialogue,
): Command["run"] {
  return async function* (context, rest) {
    return yield* run(context, yield* chooseAccount(context, "", title, "Of which account?"), rest);
  };
}

const table: readonly Command[] = [
  { word: "help", title: "What you can do here", usage: "", needs: "nothing", run: help },
  { word: "login", title: "Sign in with an account of your own", usage: "", needs: "sign-in", run: login },
  { word: "join", title: "Get your address on this server", usage: "", needs: "nothing", run: join },
  { word: "accounts", title: "Your accounts and their state", usage: "", needs: "nothing", run: accounts },
  { word: "add", title: "Add a contact", usage: "ADDRESS [NAME]", needs: "account", run: add },
  { word: "contacts", title: "Your contacts here", usage: "[ACCOUNT]", needs: "account", run: contacts },
  {
    word: "chats",
    title: "People you have chats with on the network, to add one",
    usage: "[NAME]",
    needs: "account",
    verb: "listContacts",
    run: forAccount("Chats", chats),
  },
  {
    word: "find",
    title: "Find somebody on the network",
    usage: "NAME",
    needs: "account",
    verb: "search",
    run: forAccount("Find somebody", find),
  },
  {
    word: "rooms",
    title: "Your rooms on the network, to join one",
    usage: "[NAME]",
    needs: "account",
    verb: "listRooms",
    run: forAccount("Rooms", rooms),
  },
  {
    word: "leave",
    title: "Leave a room on the network",
    usage: "[NAME]",
    needs: "account",
    verb: "leave",
    run: forAccount("Leave a room", leave),
  },
  { word: "full", title: "The whole of the last message of a contact", usage: "ADDRESS", needs: "account", run: full },
  { word: "logout", title: "Sign out and delete your data here", usage: "[ACCOUNT]", needs: "account", run: logout },
  { word: "forget", title: "Delete the accounts of a user who is gone", usage: "USER", needs: "admin", run: forget },
];

/** The commands that make sense for this user now. */
export function available(context: CommandContext): readonly Command[] {
  const registered = context.powers.accounts(context.bridge.name, context.user).length > 0;
  const own = table.filter((command) => {
    if (command.verb !== undefined && !context.bridge.verbs.includes(command.verb)) return false;
    if (command.word === "join") return context.domainMode;
    if (command.needs === "sign-in") return context.accountMode;
    if (command.needs === "admin") return context.admin;
    return command.needs === "nothing" || registered || context.domainMode;
  });
  return [...own, ...commandsOfSessions(context, ownWords)];
}

/** "cancel" is no command of the table, but means something everywhere. */
const ownWords = new Set(["cancel", ...table.map(({ word }) => word)]);

/**
 * The sign-in of a bridge as a dialogue whose errors are sentences. `page` is the link of its web page, `attempt` is called
 * with every set of answers.
 */
export async function* signInWith<T>(
  steps: AsyncGenerator<Prompt, T, Answers>,
  page: string | undefined,
  attempt: () => void,
): AsyncGenerator<Question, T, Answers> {
  try {
    let step = await steps.next();
    while (!step.done) {
      const answers: Answers = yield page === undefined ? step.value : { ...step.value, page };
      attempt();
      step = await steps.next(answers);
    }
    return step.value;
  } catch (error) {
    if (error instanceof BridgeError)
      throw new GatewayError(error.condition, error.message, { cause: error, wait: error.kind === "retry" });
    throw error;
  } finally {
    await steps.return(undefined as never);
  }
}
