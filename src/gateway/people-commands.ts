// People of the network to choose from: those the user has chats with there already, and those that a search finds. Nobody
// is in the roster before the user chose them.
import type { Answers, Prompt, RemoteId } from "#bridge";
import type { CommandContext } from "./commands.ts";
import type { Dialogue } from "./dialogs.ts";
import type { AccountRecord } from "./ports.ts";

/** Somebody to choose. */
export interface PersonChoice {
  readonly id: RemoteId;
  readonly name?: string;
}

export interface PeoplePowers {
  /** Those the account has chats of two with on the network. Throws GatewayError. */
  chats(account: AccountRecord): Promise<readonly PersonChoice[]>;
  /** Those whom the network finds under these words, best first. Throws GatewayError. */
  search(account: AccountRecord, text: string): Promise<readonly PersonChoice[]>;
}

/** A list longer than this is no list to choose from: the user has to say a part of the name. */
const mostChoices = 50;

export async function* chats(context: CommandContext, account: AccountRecord, wanted: string): Dialogue {
  const all = await context.powers.chats(account);
  if (all.length === 0) return "You have no chats with anybody there yet.";
  const word = wanted.trim().toLowerCase();
  const fitting = all.filter((person) => describe(person).toLowerCase().includes(word));
  if (fitting.length === 0) return `You have no chat with anybody like "${word.slice(0, 100)}".`;
  return yield* addOne(context, fitting, "Your chats there");
}

export async function* find(context: CommandContext, account: AccountRecord, wanted: string): Dialogue {
  let words = wanted.trim();
  if (words === "") {
    const answers = yield {
      title: "Find somebody",
      instructions: "",
      fields: [{ name: "words", label: "A name or a part of it", kind: "text", required: true }],
    };
    words = answers.words?.trim() ?? "";
  }
  const found = await context.powers.search(account, words);
  if (found.length === 0) return `Nobody was found under "${words.slice(0, 100)}".`;
  return yield* addOne(context, found, "Found");
}

/** The user says who of them becomes a contact. */
async function* addOne(
  { bridge, user, powers }: CommandContext,
  people: readonly PersonChoice[],
  title: string,
): AsyncGenerator<Prompt, string, Answers> {
  const shown = people.slice(0, mostChoices);
  const more = people.length > shown.length ? [`and ${people.length - shown.length} more: write a part of a name`] : [];
  const answers = yield {
    title,
    // The choices are ids; here is whom they stand for.
    instructions: [...shown.filter(({ name }) => name).map(describe), ...more].join("\n"),
    fields: [
      {
        name: "person",
        label: "Add whom to your contacts?",
        kind: "choice",
        required: true,
        choices: shown.map((person) => ({ value: person.id, label: describe(person) })),
      },
    ],
  };
  const chosen = shown.find(({ id }) => id === answers.person?.trim());
  if (chosen === undefined) return "That is none of them: nobody was added.";
  await powers.addContact(bridge.name, user, chosen.id, { name: chosen.name, named: false });
  return `${chosen.name ?? chosen.id} is in your contacts now.`;
}

const describe = ({ id, name }: PersonChoice): string => (name ? `${name.replace(/\s+/g, " ")} <${id}>` : id);
