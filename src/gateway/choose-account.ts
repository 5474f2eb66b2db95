// Which of a user's accounts a command is about.
import type { Answers, Prompt } from "#bridge";
import type { CommandContext } from "./commands.ts";
import type { AccountRecord } from "./ports.ts";

/** The account that `rest` names, the only one, or the one the user says. */
export async function* chooseAccount(
  context: CommandContext,
  rest: string,
  title: string,
  label: string,
): AsyncGenerator<Prompt, AccountRecord, Answers> {
  const list = context.powers.accounts(context.bridge.name, context.user);
  if (rest.trim() || list.length < 2)
    return context.powers.pick(context.bridge.name, context.user, rest.trim() || undefined);
  return yield* chooseAmong(list, context, title, label);
}

export async function* chooseAmong(
  list: readonly AccountRecord[],
  context: CommandContext,
  title: string,
  label: string,
): AsyncGenerator<Prompt, AccountRecord, Answers> {
  const choices = list.map((account) => ({ value: account.self, label: account.self }));
  const answers = yield {
    title,
    instructions: "",
    fields: [{ name: "account", label, kind: "choice", required: true, choices }],
  };
  return context.powers.pick(context.bridge.name, context.user, answers.account);
}
