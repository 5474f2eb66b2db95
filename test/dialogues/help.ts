// What `help` answers, in one place: a new command is one line here.

const commands = [
  "help - What you can do here",
  "login - Sign in with an account of your own",
  "join - Get your address on this server",
  "accounts - Your accounts and their state",
  "add ADDRESS [NAME] - Add a contact",
  "contacts [ACCOUNT] - Your contacts here",
  "chats [NAME] - People you have chats with on the network, to add one",
  "find NAME - Find somebody on the network",
  "rooms [NAME] - Your rooms on the network, to join one",
  "leave [NAME] - Leave a room on the network",
  "full ADDRESS - The whole of the last message of a contact",
  "logout [ACCOUNT] - Sign out and delete your data here",
];

/** The list without some of these words, and with lines of sessions behind them. */
export function help({
  without,
  more = [],
}: {
  readonly without: readonly string[];
  readonly more?: readonly string[];
}): string {
  const shown = commands.filter((line) => !without.includes(line.split(" ", 1)[0] ?? ""));
  return ["This is the Toy gateway. You can write:", ...shown, ...more, "cancel - leave a dialogue"].join("\n");
}
