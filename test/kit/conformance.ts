// The conformance suite as vitest tests.
import { describe, test } from "vitest";
import { type Ability, conformanceWithout, type Harness } from "../../src/bridge/test-kit.ts";

/** A test for each check that the network is able to, each with a harness of its own. */
export function describeConformance(
  title: string,
  lacking: readonly Ability[],
  createHarness: () => Promise<Harness>,
): void {
  describe(title, () => {
    test.each(conformanceWithout(lacking).map((check) => [check.name, check] as const))(
      "%s",
      async (_, check) => {
        const harness = await createHarness();
        try {
          await check.run(harness);
        } finally {
          await harness.close();
        }
      },
      30_000,
    );
  });
}
