// XEP-0004: Data Forms, as far as prompts of the core need them.
import type { Answers, Field } from "#bridge";
import type { Question } from "../../gateway/dialogs.ts";
import { instructionsOf } from "../../gateway/pages.ts";
import { NS } from "../ns.ts";
import { attr, child, children, type Element, el, textOf } from "../stanza.ts";

const fieldTypes = {
  text: "text-single",
  secret: "text-private",
  number: "text-single",
  choice: "list-single",
} as const;

export function promptForm(prompt: Question): Element {
  const instructions = [prompt.error, instructionsOf(prompt)].filter(Boolean).join("\n");
  return el(
    "x",
    { xmlns: NS.dataForms, type: "form" },
    el("title", {}, prompt.title),
    instructions ? el("instructions", {}, instructions) : undefined,
    ...prompt.fields.map(fieldElement),
  );
}

function fieldElement(field: Field): Element {
  return el(
    "field",
    { var: field.name, type: fieldTypes[field.kind], label: field.label },
    field.required ? el("required") : undefined,
    field.value === undefined ? undefined : el("value", {}, field.value),
    ...(field.choices ?? []).map((choice) => el("option", { label: choice.label }, el("value", {}, choice.value))),
  );
}

/** The answers of a submitted form; undefined when there is none. */
export function formAnswers(parent: Element): Answers | undefined {
  const form = child(parent, "x", NS.dataForms);
  if (form === undefined || attr(form, "type") !== "submit") return undefined;
  const answers: [string, string][] = [];
  for (const field of children(form, "field")) {
    const name = attr(field, "var");
    const value = textOf(field, "value");
    if (name !== undefined && value !== undefined) answers.push([name, value]);
  }
  // fromEntries makes own properties, so a field named "__proto__" stays a field.
  return Object.fromEntries(answers);
}
