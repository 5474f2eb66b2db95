import { describe, expect, test } from "vitest";
import { complaints, loadGood, makeFolder, minimal } from "./fixtures.ts";

const withSecret = (value: string): string => minimal.replace("secret: s3cret", `secret: ${value}`);

describe("a secret", () => {
  test("comes from a file beside the configuration, without the line end", async () => {
    const folder = await makeFolder();
    await folder.write("secret.txt", "from the file\n");
    expect(await folder.load(withSecret("{ file: secret.txt }"))).toMatchObject({
      config: { bridges: [{ secret: "from the file" }] },
      warnings: [],
    });
  });

  test("comes from an environment variable", async () => {
    const config = await loadGood(withSecret("{ env: COMPONENT_SECRET }"), { COMPONENT_SECRET: "from outside" });
    expect(config.bridges[0]?.secret).toBe("from outside");
  });

  test("of a bridge's own comes from both as well, where its schema says so", async () => {
    const config = await loadGood(`${minimal}    domain: { name: example.net, password: { env: SMTP_PASSWORD } }\n`, {
      SMTP_PASSWORD: "hush",
    });
    expect(config.bridges[0]?.options).toMatchObject({ domain: { password: "hush" } });
  });

  test("that everybody can read is used with a warning", async () => {
    const folder = await makeFolder();
    await folder.write("secret.txt", "open", 0o644);
    expect(await folder.load(withSecret("{ file: secret.txt }"))).toMatchObject({
      config: { bridges: [{ secret: "open" }] },
      warnings: [
        {
          severity: "warning",
          line: 7,
          column: 13,
          path: "bridges.email.secret",
          message: "every user of this machine can read the file secret.txt; run: chmod o-rwx secret.txt",
        },
      ],
    });
  });

  test.each([
    ["{ file: none.txt }", "cannot read the file none.txt: there is no such file."],
    ["{ file: . }", ". is not a file."],
    ["{ file: empty.txt }", "the file empty.txt is empty."],
    ["{ file: huge.txt }", "the file huge.txt is too large to be a secret."],
    ["{ env: UNSET }", "the environment variable UNSET is not set or empty."],
    ["{ flie: secret.txt }", "this names no secret."],
    ["{ file: a, env: B }", "this names no secret."],
    ["{ file: 5 }", "this names no secret."],
    ["[a]", "this does not fit."],
    ["12345", "this is a number; put it in quotes to make it text."],
    ['""', "this does not fit."],
    ['"two\\nlines"', "this has control characters in it; a component secret is one line."],
  ])("%s is refused with a sentence", async (value, sentence) => {
    const folder = await makeFolder();
    await folder.write("empty.txt", "\n");
    await folder.write("huge.txt", "x".repeat(70_000));
    const loaded = await folder.load(withSecret(value));
    expect("problems" in loaded && loaded.problems.map(({ path, line, message }) => ({ path, line, message }))).toEqual(
      [{ path: "bridges.email.secret", line: 7, message: sentence }],
    );
  });

  test("is never shown in a complaint", async () => {
    const folder = await makeFolder();
    await folder.write("secret.txt", "hunter2\nhunter2");
    const loaded = await folder.load(
      `${withSecret("{ file: secret.txt }")}    domain: { name: x, password: [hunter2] }\n`,
    );
    expect("problems" in loaded && loaded.problems.map(({ path }) => path)).toEqual([
      "bridges.email.secret",
      "bridges.email.domain.password",
    ]);
    expect(JSON.stringify(loaded)).not.toContain("hunter2");
    expect(await complaints(withSecret("[hunter2]"))).not.toContain("hunter2");
  });
});
