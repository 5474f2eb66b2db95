import {
  type Answers,
  type Browser,
  BridgeError,
  type LoginContext,
  type Prompt,
  type SignedIn,
  type Visit,
} from "#bridge";
import { contacts } from "./addressing.ts";
import type { ToyNetwork } from "./network.ts";
import type { ToyOptions } from "./options.ts";

export type ToyCredentials = { readonly name: string; readonly password: string };

const tries = 3;

export async function* login(
  network: ToyNetwork,
  { browser }: LoginContext<ToyOptions>,
): AsyncGenerator<Prompt, SignedIn<ToyCredentials>, Answers> {
  let error: string | undefined;
  for (let attempt = 0; attempt < tries; attempt++) {
    // Without a browser only what works without one is offered. Each round has a state of its own.
    const visit = browser && network.portal && visitTo(network.portal, browser);
    const answers: Answers = yield signInPrompt(visit, error);
    const signedIn = answers.ticket === undefined ? byPassword(network, answers) : byTicket(network, answers.ticket);
    if (signedIn !== undefined) return signedIn;
    error =
      answers.ticket === undefined ? "This name and password do not belong together." : "This ticket is not good.";
  }
  throw new BridgeError("reject", "Too many wrong passwords.", { condition: "not-authorized" });
}

function signInPrompt(visit: Visit | undefined, error: string | undefined): Prompt {
  const required = visit === undefined;
  return {
    title: "Sign in to the toy network",
    instructions: `${required ? "Enter" : "Or enter"} your toy name and password.`,
    fields: [
      { name: "name", label: "Name", kind: "text", required },
      { name: "password", label: "Password", kind: "secret", required },
    ],
    ...(visit === undefined ? {} : { visit }),
    ...(error === undefined ? {} : { error }),
  };
}

function visitTo(portal: URL, browser: Browser): Visit {
  const url = new URL(portal);
  url.searchParams.set("back", browser.returnUrl.href);
  url.searchParams.set("state", browser.newState());
  return { url, returns: ["ticket"] };
}

function byPassword(network: ToyNetwork, answers: Answers): SignedIn<ToyCredentials> | undefined {
  const name = contacts.fromLocal(answers.name ?? "");
  const password = answers.password ?? "";
  if (name === undefined || network.passwords.get(name) !== password) return undefined;
  return { self: name, credentials: { name, password } };
}

function byTicket(network: ToyNetwork, ticket: string): SignedIn<ToyCredentials> | undefined {
  const name = network.tickets.get(ticket);
  network.tickets.delete(ticket);
  const password = name === undefined ? undefined : network.passwords.get(name);
  return name === undefined || password === undefined ? undefined : { self: name, credentials: { name, password } };
}
