// XEP-0077: In-Band Registration with a gateway (XEP-0100 section 4.1): the first question of the sign-in, in one step. With
// a web server all of it, by the link of its page (XEP-0077 section 5).
import { randomUUID } from "node:crypto";
import type { Answers, Field, Prompt } from "#bridge";
import { available, type Command, type CommandContext } from "../../gateway/commands.ts";
import type { Question } from "../../gateway/dialogs.ts";
import type { Gateway } from "../../gateway/gateway.ts";
import { pageHint } from "../../gateway/pages.ts";
import { NS } from "../ns.ts";
import type { Feature, IqRequest } from "../router.ts";
import { child, type Element, el, textOf } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import { formAnswers, promptForm } from "./forms.ts";

export interface RegisterOptions {
  readonly bridge: string;
  readonly gateway: Gateway;
}

export function registration(options: RegisterOptions): Feature {
  return {
    xep: "0077",
    iq: [
      {
        type: "get",
        name: "query",
        ns: NS.register,
        targets: ["gateway"],
        handle: (request) => form(request, options),
      },
      {
        type: "set",
        name: "query",
        ns: NS.register,
        targets: ["gateway"],
        handle: (request) => submit(request, options),
      },
    ],
  };
}

/** What registering means here: sign in, or without account mode get one's address. */
function registering(context: CommandContext): Command {
  const list = available(context);
  const found = list.find((one) => one.word === "login") ?? list.find((one) => one.word === "join");
  if (found === undefined) throw new StanzaError("not-allowed", "There is nothing to register for.");
  return found;
}

async function form(request: IqRequest, options: RegisterOptions): Promise<Element> {
  const { gateway, bridge } = options;
  const user = request.from.bare;
  const registered = gateway.accounts.of(bridge, user).length > 0;
  const id = randomUUID();
  const context = gateway.context(bridge, user);
  const command = registering(context);
  if (command.word === "join") {
    return el(
      "query",
      { xmlns: NS.register },
      registered ? el("registered") : undefined,
      el("instructions", {}, "Send the empty form to get your address."),
    );
  }
  const step = await gateway.dialogs.start(id, user, command.run(context, ""));
  if (!("prompt" in step)) throw new StanzaError("not-allowed", "There is nothing to fill in.");
  const kept = keptId(bridge, user);
  // Asked for again, the link stays: it may be open in a browser.
  const page = gateway.dialogs.has(kept) ? gateway.dialogs.prompt(kept, user).page : step.prompt.page;
  if (page !== undefined && page === step.prompt.page) gateway.dialogs.rename(id, kept);
  else gateway.dialogs.cancel(id);
  const shown = withHint(step.prompt, page);
  return el(
    "query",
    { xmlns: NS.register },
    registered ? el("registered") : undefined,
    el("instructions", {}, shown.instructions),
    ...legacyFields(shown).map(([name]) => el(name)),
    promptForm(shown),
    page === undefined ? undefined : el("x", { xmlns: NS.oob }, el("url", {}, page)),
  );
}

/** Many clients do not show the link beside a form. */
function withHint({ page: _, ...prompt }: Question, page: string | undefined): Prompt {
  return page === undefined ? prompt : { ...prompt, instructions: `${prompt.instructions} ${pageHint(page)}` };
}

/** The dialogue behind the link that a registration gave to a user: one of each bridge. */
const keptId = (bridge: string, user: string) => `register/${bridge}/${user}`;

async function submit(request: IqRequest, options: RegisterOptions): Promise<Element | undefined> {
  const { gateway, bridge } = options;
  const user = request.from.bare;
  if (child(request.payload, "remove")) return remove(user, options);
  const id = randomUUID();
  const context = gateway.context(bridge, user);
  const first = await gateway.dialogs.start(id, user, registering(context).run(context, ""));
  if ("done" in first) return undefined;
  try {
    const next = await gateway.dialogs.answer(
      id,
      user,
      formAnswers(request.payload) ?? legacyAnswers(request.payload, first.prompt),
    );
    if ("done" in next) return undefined;
    const { error, page, title } = next.prompt;
    if (error !== undefined) throw new StanzaError("not-acceptable", error);
    if (page !== undefined) gateway.dialogs.rename(id, keptId(bridge, user));
    const open = page === undefined ? "" : `open ${page} in a browser, or `;
    throw new StanzaError("not-acceptable", `More is needed (${title}): ${open}send "login" to ${request.to.bare}.`);
  } finally {
    gateway.dialogs.cancel(id);
  }
}

async function remove(user: string, { bridge, gateway }: RegisterOptions): Promise<undefined> {
  const accounts = gateway.accounts.of(bridge, user);
  if (accounts.length === 0) throw new StanzaError("registration-required", "You are not registered here.");
  for (const account of [...accounts]) await gateway.registrations.signOut(account);
  return undefined;
}

/** Clients without data forms fill in the fields of XEP-0077 section 14.1. */
function legacyFields(prompt: Prompt): [string, Field][] {
  const text = prompt.fields.find((field) => field.kind === "text");
  const secret = prompt.fields.find((field) => field.kind === "secret");
  return [
    ...(text ? [["username", text] as [string, Field]] : []),
    ...(secret ? [["password", secret] as [string, Field]] : []),
  ];
}

const legacyAnswers = (query: Element, prompt: Prompt): Answers =>
  Object.fromEntries(legacyFields(prompt).map(([name, field]) => [field.name, textOf(query, name) ?? ""]));
