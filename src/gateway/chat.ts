// Everything a command does, as a chat with the gateway's own JID: for clients without a window for commands.
import type { Field } from "#bridge";
import { available, type CommandContext } from "./commands.ts";
import type { Dialogs, Question, Step } from "./dialogs.ts";
import { GatewayError } from "./errors.ts";
import { instructionsOf } from "./pages.ts";

export interface ChatOptions {
  readonly dialogs: Dialogs;
  readonly context: (bridge: string, user: string) => CommandContext;
  readonly say: (bridge: string, user: string, text: string) => Promise<void>;
}

/** A line of chat is shown in parts of this many characters. */
const longestLine = 8_000;

export class Chat {
  readonly #o: ChatOptions;

  constructor(options: ChatOptions) {
    this.#o = options;
  }

  /** A message to the gateway's own JID. Never rejects for what the user wrote. */
  async hear(bridge: string, user: string, text: string): Promise<void> {
    const id = `chat/${bridge}/${user}`;
    try {
      for (const part of await this.#answer(id, bridge, user, text.trim())) await this.#o.say(bridge, user, part);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      await this.#o.say(bridge, user, error.message);
    }
  }

  async #answer(id: string, bridge: string, user: string, text: string): Promise<string[]> {
    const { dialogs } = this.#o;
    if (dialogs.has(id)) {
      if (text.toLowerCase() === "cancel") {
        dialogs.cancel(id);
        return ["Cancelled."];
      }
      const next = await dialogs.answerLine(id, user, text);
      return "ask" in next ? [question(next.ask)] : show(next);
    }
    const context = this.#o.context(bridge, user);
    const [word = "", ...rest] = text.split(/\s+/);
    const command = available(context).find((one) => one.word === word.toLowerCase());
    // Not repeated: it may be the password of a sign-in that has just ended (security.md X21).
    if (command === undefined) return ['I do not know that word. Write "help" to see what you can do here.'];
    return show(await dialogs.start(id, user, command.run(context, rest.join(" "))));
  }
}

function show(step: Step): string[] {
  if ("done" in step) return split(step.done);
  const { prompt } = step;
  const first = prompt.fields[0];
  return [
    [prompt.error, heading(prompt), first && question(first), '("cancel" leaves this.)'].filter(Boolean).join("\n"),
  ];
}

function heading(prompt: Question): string {
  const instructions = instructionsOf(prompt);
  return instructions ? `${prompt.title}: ${instructions}` : prompt.title;
}

function question(field: Field): string {
  const choices = field.choices?.map((choice) => choice.value).join(", ");
  const preset = field.value ? ` (send "-" for ${field.value})` : field.required ? "" : ' (send "-" to leave it out)';
  const secret =
    field.kind === "secret" ? " Delete your message afterwards; a command window keeps it out of your history." : "";
  const label = field.label.endsWith("?") ? field.label : `${field.label}?`;
  return `${label}${choices ? ` One of: ${choices}.` : ""}${preset}${secret}`;
}

/** Never between the two halves of a character. */
function split(text: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const part = text.slice(at, at + longestLine);
    const whole = part.isWellFormed() || text.length === at + part.length ? part : part.slice(0, -1);
    parts.push(whole);
    at += whole.length;
  }
  return parts.length > 0 ? parts : ["(nothing)"];
}
