import { type Answers, BridgeError, type LoginContext, type Prompt, type SignedIn } from "#bridge";
import { contacts } from "./addressing.ts";
import type { ToyNetwork } from "./network.ts";
import type { ToyOptions } from "./options.ts";

export type ToyCredentials = { readonly name: string; readonly password: string };

const tries = 3;

export async function* login(
  network: ToyNetwork,
  _context: LoginContext<ToyOptions>,
): AsyncGenerator<Prompt, SignedIn<ToyCredentials>, Answers> {
  let error: string | undefined;
  for (let attempt = 0; attempt < tries; attempt++) {
    const answers: Answers = yield {
      title: "Sign in to the toy network",
      instructions: "Enter your toy name and password.",
      fields: [
        { name: "name", label: "Name", kind: "text", required: true },
        { name: "password", label: "Password", kind: "secret", required: true },
      ],
      ...(error === undefined ? {} : { error }),
    };
    const name = contacts.fromLocal(answers.name ?? "");
    const password = answers.password ?? "";
    if (name !== undefined && network.passwords.get(name) === password)
      return { self: name, credentials: { name, password } };
    error = "This name and password do not belong together.";
  }
  throw new BridgeError("reject", "Too many wrong passwords.", { condition: "not-authorized" });
}
