// The planted bugs of test/kit/viaduct-process.ts, as the tests of the laws speak of them.
import type { Verdict } from "./checks.ts";

/** What no planted bug needs. */
export const tolerance = { repeats: 32, unanswered: 0 };

/** The findings, one line each, without the name of the run. */
export const texts = ({ findings }: Verdict): string[] =>
  findings.map(({ law, text }) => `${law} ${text.replace(/r[0-9a-f]{6}-/g, "")}`);

export const plantIf = (planted: boolean, plant: string): { readonly plant?: string } => (planted ? { plant } : {});
