// Dialogues with a user: a command or a sign-in asks, the user answers, by form, by chat or on a web page. One open dialogue
// is a generator that waits for answers.
import { type Answers, BridgeError, type Field, type Prompt } from "#bridge";
import { GatewayError } from "./errors.ts";
import type { Clock, TimerHandle } from "./ports.ts";

/** A prompt, and the link of the web page where it can be answered as well (pages.ts). */
export interface Question extends Prompt {
  readonly page?: string;
}

export type Dialogue = AsyncGenerator<Question, string, Answers>;

/** What to show next: a question, or the last word. */
export type Step = { readonly prompt: Question } | { readonly done: string };

/** security.md X20. */
const lifetime = 10 * 60_000;

interface Open {
  readonly owner: string;
  readonly dialogue: Dialogue;
  timer: TimerHandle | undefined;
  prompt: Question;
  /** Chat: answers to the fields asked so far. */
  collected: Record<string, string>;
  busy: boolean;
}

interface LastWord {
  readonly owner: string;
  readonly word: string;
  readonly timer: TimerHandle;
}

export class Dialogs {
  readonly #clock: Clock;
  readonly #mostPerUser: number;
  readonly #open = new Map<string, Open>();
  /** Owners of dialogues whose first question is not there yet: they count too. */
  readonly #starting: string[] = [];
  /** By id: how dialogues ended that were finished on their page, for the window that they were begun in. */
  readonly #lastWords = new Map<string, LastWord>();

  constructor(clock: Clock, mostPerUser: number) {
    this.#clock = clock;
    this.#mostPerUser = mostPerUser;
  }

  /** Begins a dialogue under an id of the caller's. `owner` is who may go on with it. Throws GatewayError. */
  async start(id: string, owner: string, dialogue: Dialogue): Promise<Step> {
    const owners = [...this.#starting, ...[...this.#open.values()].map((open) => open.owner)];
    if (owners.filter((one) => one === owner).length >= this.#mostPerUser)
      throw new GatewayError("resource-constraint", "Too many open dialogues; finish or cancel one.", { wait: true });
    this.#starting.push(owner);
    const first = await step(dialogue, undefined).finally(() =>
      this.#starting.splice(this.#starting.indexOf(owner), 1),
    );
    if ("done" in first) return first;
    // Begun twice under one id: the newer one stays.
    this.cancel(id);
    const open: Open = { owner, dialogue, timer: undefined, prompt: first.prompt, collected: {}, busy: false };
    this.#open.set(id, open);
    this.#touch(id, open);
    return first;
  }

  has(id: string): boolean {
    return this.#open.has(id);
  }

  /** The question that waits for an answer. Throws GatewayError `item-not-found` or `forbidden`. */
  prompt(id: string, owner: string): Question {
    return this.#get(id, owner).prompt;
  }

  /** The dialogue whose question has this page. */
  onPage(page: string): { readonly id: string; readonly prompt: Question } | undefined {
    for (const [id, { prompt }] of this.#open) if (prompt.page === page) return { id, prompt };
    return undefined;
  }

  /** Answers the question. After `done` or an error the dialogue is gone. */
  async answer(id: string, owner: string, answers: Answers): Promise<Step> {
    const open = this.#get(id, owner);
    const missing = open.prompt.fields.find((field) => field.required && !answers[field.name]);
    if (missing) return { prompt: { ...open.prompt, error: `Please fill in: ${missing.label}` } };
    const names = open.prompt.fields.map(({ name }) => name);
    return this.#goOn(id, open, known(names, answers));
  }

  /** The browser is back from the visit that the question sent it on. As `answer`. */
  async comeBack(id: string, owner: string, parameters: Answers): Promise<Step> {
    const open = this.#get(id, owner);
    return this.#goOn(id, open, known(open.prompt.visit?.returns ?? [], parameters));
  }

  /** For the window that a dialogue was begun in, when it was finished elsewhere. */
  leaveLastWord(id: string, owner: string, word: string): void {
    const timer = this.#clock.setTimeout(() => this.#lastWords.delete(id), lifetime);
    this.#lastWords.set(id, { owner, word, timer });
  }

  /** How a dialogue ended that was finished elsewhere: told once. */
  lastWord(id: string, owner: string): string | undefined {
    const last = this.#lastWords.get(id);
    if (last?.owner !== owner) return undefined;
    this.#lastWords.delete(id);
    this.#clock.clearTimeout(last.timer);
    return last.word;
  }

  async #goOn(id: string, open: Open, answers: Answers): Promise<Step> {
    if (open.busy) throw new GatewayError("bad-request", "The last answer is still being worked on.", { wait: true });
    open.busy = true;
    try {
      const next = await step(open.dialogue, answers);
      if ("done" in next) this.cancel(id);
      else {
        open.prompt = next.prompt;
        open.collected = {};
        this.#touch(id, open);
      }
      return next;
    } catch (error) {
      this.cancel(id);
      throw error;
    } finally {
      open.busy = false;
    }
  }

  /** Chat: one line answers the next field that was not asked yet. Returns what to ask, or how the dialogue went on. */
  async answerLine(id: string, owner: string, line: string): Promise<Step | { readonly ask: Field }> {
    const open = this.#get(id, owner);
    const field = nextField(open);
    if (field) {
      const value = line.trim() === "-" ? "" : line.trim();
      open.collected[field.name] = value || (field.value ?? "");
      if (field.required && !open.collected[field.name]) {
        delete open.collected[field.name];
        return { ask: field };
      }
      this.#touch(id, open);
    }
    const next = nextField(open);
    return next ? { ask: next } : this.answer(id, owner, open.collected);
  }

  /** It goes on under another id; what was open there ends. */
  rename(id: string, to: string): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.cancel(to);
    this.#open.delete(id);
    this.#open.set(to, open);
    this.#touch(to, open);
  }

  cancel(id: string): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    this.#clock.clearTimeout(open.timer);
    // Lets the generator run its finally blocks; whoever waits for it has been answered already.
    open.dialogue.return("").catch(() => {});
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.cancel(id);
    for (const { timer } of this.#lastWords.values()) this.#clock.clearTimeout(timer);
  }

  #get(id: string, owner: string): Open {
    const open = this.#open.get(id);
    if (open === undefined) throw new GatewayError("item-not-found", "This dialogue is over; start again.");
    if (open.owner !== owner) throw new GatewayError("forbidden", "This dialogue is somebody else's.");
    return open;
  }

  #touch(id: string, open: Open): void {
    this.#clock.clearTimeout(open.timer);
    open.timer = this.#clock.setTimeout(() => this.cancel(id), lifetime);
  }
}

const nextField = (open: Open): Field | undefined =>
  open.prompt.fields.find((field) => !Object.hasOwn(open.collected, field.name));

/** Only what was asked for reaches the generator. */
const known = (names: readonly string[], answers: Answers): Answers =>
  Object.fromEntries(Object.entries(answers).filter(([name]) => names.includes(name)));

async function step(dialogue: Dialogue, answers: Answers | undefined): Promise<Step> {
  try {
    const result = answers === undefined ? await dialogue.next() : await dialogue.next(answers);
    return result.done ? { done: result.value } : { prompt: result.value };
  } catch (error) {
    if (error instanceof BridgeError) {
      throw new GatewayError(error.condition, error.message, { wait: error.kind === "retry", cause: error });
    }
    throw error;
  }
}
