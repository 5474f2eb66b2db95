import { defineConfig } from "vitest/config";

const seconds = 1000;
// Folders with a project of their own; everything else under test is unit.
const stories = ["dialogues", "hostile", "real", "faults"] as const;
const patience = { dialogues: 30, hostile: 120, real: 120, faults: 900 } as const;

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: stories.map((folder) => `test/${folder}/**`),
          testTimeout: 20 * seconds,
          hookTimeout: 20 * seconds,
          sequence: { groupOrder: 0 },
        },
      },
      ...stories.map((folder, index) => ({
        extends: true as const,
        test: {
          name: folder,
          include: [`test/${folder}/**/*.test.ts`],
          testTimeout: patience[folder] * seconds,
          hookTimeout: 120 * seconds,
          // One kind after the other: tests on real servers want the machine for themselves.
          sequence: { groupOrder: index + 1 },
        },
      })),
    ],
  },
});
