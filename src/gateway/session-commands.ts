// Words of the sessions' own: what a network has that no other has, such as the recovery key of Matrix.
import { chooseAmong } from "./choose-account.ts";
import type { Command, CommandContext } from "./commands.ts";
import type { Dialogue } from "./dialogs.ts";
import { GatewayError } from "./errors.ts";

/** What the sessions of the user's accounts offer now: one command a word, whoever of them knows it. */
export function commandsOfSessions(context: CommandContext, taken: ReadonlySet<string>): readonly Command[] {
  const { powers, bridge, user } = context;
  const found = new Map<string, Command>();
  for (const account of powers.accounts(bridge.name, user)) {
    for (const { word, title, usage } of powers.commandsOf(account)) {
      if (taken.has(word) || found.has(word) || !/^[a-z]{1,30}$/.test(word)) continue;
      const run: Command["run"] = (now, rest) => inSession(now, word, title, rest);
      found.set(word, { word, title, usage, needs: "account", run });
    }
  }
  return [...found.values()];
}

async function* inSession(context: CommandContext, word: string, title: string, rest: string): Dialogue {
  const { powers, bridge, user } = context;
  const able = powers
    .accounts(bridge.name, user)
    .filter((account) => powers.commandsOf(account).some((one) => one.word === word));
  const account = able.length > 1 ? yield* chooseAmong(able, context, title, "For which account?") : able[0];
  // The session may have ended while the user chose.
  const command = account && powers.commandsOf(account).find((one) => one.word === word);
  if (command === undefined)
    throw new GatewayError("service-unavailable", "Your account is not connected now; try again later.", {
      wait: true,
    });
  return yield* command.run(rest);
}
