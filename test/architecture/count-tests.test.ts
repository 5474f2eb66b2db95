import { describe, expect, test } from "vitest";
import { countReport, lastLine, sum } from "../../scripts/count-tests.ts";

const report = (
  numbers: { passed?: number; failed?: number; pending?: number; todo?: number },
  ...files: [string, ...string[]][]
): string =>
  JSON.stringify({
    numPassedTests: numbers.passed ?? 0,
    numFailedTests: numbers.failed ?? 0,
    numPendingTests: numbers.pending ?? 0,
    numTodoTests: numbers.todo ?? 0,
    testResults: files.map(([status, ...tests]) => ({
      status,
      assertionResults: tests.map((result) => ({ status: result })),
    })),
  });

describe("the count of tests", () => {
  test("is what the report says", () => {
    const text = report({ passed: 2, failed: 1, pending: 1, todo: 1 }, ["failed", "passed", "passed", "failed"]);
    expect(countReport(text, 1)).toEqual({ passed: 2, failed: 1, skipped: 2 });
  });

  test("has a file that could not be loaded as one failure", () => {
    expect(countReport(report({ passed: 1 }, ["passed", "passed"], ["failed"]), 1)).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
    });
  });

  test("has an error outside of any test as one failure", () => {
    expect(countReport(report({ passed: 1 }, ["passed", "passed"]), 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  test("has a run without tests, and one without a report, as one failure", () => {
    expect(countReport(report({}), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(countReport(report({ pending: 3 }), 0)).toEqual({ passed: 0, failed: 1, skipped: 3 });
    expect(countReport(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  test("ends as the line that CI reads", () => {
    const total = sum([
      { passed: 5, failed: 0, skipped: 0 },
      { passed: 7, failed: 1, skipped: 0 },
    ]);
    expect(lastLine(total)).toBe("12 passed, 1 failed");
    expect(lastLine({ passed: 3, failed: 0, skipped: 2 })).toBe("3 passed, 0 failed, 2 skipped");
  });
});
