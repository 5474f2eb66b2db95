// What administrators of the gateway (`permissions.admins`) can tell it. To everybody else these words mean nothing.
import type { CommandContext } from "./commands.ts";
import type { Dialogue } from "./dialogs.ts";
import { GatewayError } from "./errors.ts";

/**
 * All of a user's accounts behind this bridge go, as if the user had signed out of each: whoever gets their JID next has none
 * (security.md X31). XMPP servers do not tell a gateway that a user was deleted, so somebody has to.
 */
export async function* forget(context: CommandContext, rest: string): Dialogue {
  const { bridge, powers } = context;
  let user = rest.trim();
  if (!user) {
    const answers = yield {
      title: "Forget a user",
      instructions: "Deletes what is kept of somebody who was deleted on the XMPP server.",
      fields: [{ name: "user", label: "Whom? (an address such as alice@example.org)", kind: "text", required: true }],
    };
    user = answers.user?.trim() ?? "";
  }
  user = user.toLowerCase();
  const found = [...powers.accounts(bridge.name, user)];
  if (found.length === 0) throw new GatewayError("item-not-found", "That user has no account here.");
  const sure = yield {
    title: `Forget ${user}`,
    instructions: `Credentials, contacts and waiting messages are deleted of: ${found.map(({ self }) => self).join(", ")}.`,
    fields: [{ name: "sure", label: 'Write "yes" to go on', kind: "text", required: true }],
  };
  if (sure.sure?.trim().toLowerCase() !== "yes") return "Nothing was changed.";
  for (const account of found) await powers.signOut(account);
  return `${user} has no account here any more.`;
}
