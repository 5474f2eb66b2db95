// XEP-0050: Ad-Hoc Commands. The same dialogues as in chat, in a window of the client's.
import { randomUUID } from "node:crypto";
import { available, type Command } from "../../gateway/commands.ts";
import type { Step } from "../../gateway/dialogs.ts";
import type { Gateway } from "../../gateway/gateway.ts";
import { NS } from "../ns.ts";
import type { Feature, IqRequest } from "../router.ts";
import { attr, type Element, el } from "../stanza.ts";
import { StanzaError } from "../stanza-error.ts";
import type { DiscoNode } from "./disco.ts";
import { formAnswers, promptForm } from "./forms.ts";

export interface CommandsOptions {
  readonly bridge: string;
  readonly gateway: Gateway;
}

export function commands(options: CommandsOptions): Feature {
  return {
    xep: "0050",
    iq: [
      {
        type: "set",
        name: "command",
        ns: NS.commands,
        targets: ["gateway"],
        handle: (request) => execute(request, options),
      },
    ],
    features: { gateway: [NS.dataForms] },
  };
}

const nodeOf = (command: Command) => `viaduct/${command.word}`;

/** The commands as disco nodes: the list (XEP-0050 section 2.2), and each one. */
export function commandNodes(options: CommandsOptions): (request: IqRequest, node: string) => DiscoNode | undefined {
  return (request, node) => {
    const list = available(options.gateway.context(options.bridge, request.from.bare));
    if (node === NS.commands) {
      const jid = request.to.bare;
      return {
        identity: { category: "automation", type: "command-list", name: "Commands" },
        features: [],
        items: list.map((command) => ({ jid, node: nodeOf(command), name: command.title })),
      };
    }
    const command = list.find((one) => nodeOf(one) === node);
    return (
      command && {
        identity: { category: "automation", type: "command-node", name: command.title },
        features: [NS.commands, NS.dataForms],
        items: [],
      }
    );
  };
}

async function execute(request: IqRequest, { bridge, gateway }: CommandsOptions): Promise<Element> {
  const node = attr(request.payload, "node") ?? "";
  const user = request.from.bare;
  const session = attr(request.payload, "sessionid");
  if (session === undefined) {
    const context = gateway.context(bridge, user);
    const command = available(context).find((one) => nodeOf(one) === node);
    if (command === undefined) throw new StanzaError("item-not-found", "There is no such command.");
    const id = randomUUID();
    return answer(node, id, await gateway.dialogs.start(id, user, command.run(context, "")));
  }
  const done = gateway.dialogs.lastWord(session, user);
  if (done !== undefined) return answer(node, session, { done });
  if (!gateway.dialogs.has(session))
    throw new StanzaError("bad-request", "This dialogue is over; start the command again.");
  // Throws `forbidden` for somebody else's session.
  gateway.dialogs.prompt(session, user);
  if (attr(request.payload, "action") === "cancel") {
    gateway.dialogs.cancel(session);
    return el("command", { xmlns: NS.commands, node, sessionid: session, status: "canceled" });
  }
  const answers = formAnswers(request.payload);
  if (answers === undefined) throw new StanzaError("bad-request", "The form is missing.");
  return answer(node, session, await gateway.dialogs.answer(session, user, answers));
}

function answer(node: string, sessionid: string, step: Step): Element {
  if ("done" in step) {
    return el(
      "command",
      { xmlns: NS.commands, node, sessionid, status: "completed" },
      el("note", { type: "info" }, step.done),
    );
  }
  return el(
    "command",
    { xmlns: NS.commands, node, sessionid, status: "executing" },
    el("actions", { execute: "complete" }, el("complete")),
    promptForm(step.prompt),
    step.prompt.error ? el("note", { type: "error" }, step.prompt.error) : undefined,
  );
}
