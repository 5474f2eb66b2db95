import { expect, test } from "vitest";
import { type Ability, conformance, conformanceWithout } from "../../src/bridge/test-kit.ts";

test.each<[Ability, string[]]>([
  [
    "cursor",
    [
      "saves a cursor of plain JSON with what it delivers",
      "offers again under the same id, from an older cursor, what it offered before",
    ],
  ],
  ["credentials", ["reports login-required when the credentials no longer work"]],
  ["pictures", ["tells what the other person shows of themselves, under another id when it is another picture"]],
])("a network without a %s is spared these checks and no others", (ability, names) => {
  const left = conformanceWithout([ability]);
  expect(conformance.filter((check) => !left.includes(check)).map((check) => check.name)).toEqual(names);
});
