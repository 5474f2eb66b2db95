import { expect, it } from "vitest";
import { humanSize } from "../../../../bridges/email/text/characters.ts";

it("names sizes as people do", () => {
  expect([0, 999, 1000, 38_400, 999_499, 999_500, 27_000_000].map(humanSize)).toEqual([
    "0 bytes",
    "999 bytes",
    "1 kB",
    "38 kB",
    "999 kB",
    "1.0 MB",
    "27.0 MB",
  ]);
});
