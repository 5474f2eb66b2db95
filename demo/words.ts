// How the demo talks. The only output besides errors.
export const say = (text: string): void => void process.stdout.write(`${text}\n`);
export const title = (text: string): void => say(`\n== ${text}`);
/** One line of the story: who, and what they see or do. */
export const line = (who: string, text: string): void =>
  say(`  ${who.padEnd(8)} ${text.replaceAll("\n", `\n${" ".repeat(11)}`)}`);

/** The demo's own check: a story that is not true must not be told. */
export function must(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`this did not happen: ${what}`);
}
