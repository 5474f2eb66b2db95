import { BridgeError } from "#bridge";
import { describe, expect, test } from "vitest";
import { type GatewayLogger, type LogLevel, createLogger } from "../../src/log.ts";

function capture(level: LogLevel = "info"): {
  log: GatewayLogger;
  text: () => string;
  lines: () => Record<string, unknown>[];
} {
  const written: string[] = [];
  const log = createLogger({ level, destination: { write: (line) => void written.push(line) } });
  const lines = () => written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, text: () => written.join(""), lines };
}

describe("a log line", () => {
  test("is one JSON object with level, time, fields and message", () => {
    const { log, lines } = capture();
    log.child({ bridge: "email" }).info({ account: 3, state: "online", count: 2 }, "session is up");
    expect(lines()).toEqual([
      {
        level: "info",
        time: expect.any(String),
        bridge: "email",
        account: 3,
        state: "online",
        count: 2,
        msg: "session is up",
      },
    ]);
  });

  test("below the level is not written", () => {
    const { log, text } = capture("warn");
    log.info({}, "no");
    log.debug({}, "no");
    expect(text()).toBe("");
  });

  test("leaves out what is not named in the allow-list, and says so (S-06)", () => {
    const { log, lines, text } = capture("debug");
    log.debug(
      { password: "hunter2", auth: { user: "a", pass: "hunter2" }, body: "hunter2", options: ["hunter2"] },
      "x",
    );
    expect(text()).not.toContain("hunter2");
    expect(lines()[0]).toMatchObject({ leftOut: ["password", "auth", "body", "options"] });
  });

  test("above debug has pseudonyms for people: the same for the same person", () => {
    const { log, lines, text } = capture("debug");
    log.info(
      { user: "alice@example.org", peer: { kind: "contact", id: "bob@example.test" } },
      "sent to bob@example.test",
    );
    log.warn({ user: "alice@example.org", detail: "550 <bob@example.test>: unknown" }, "refused");
    expect(text()).not.toMatch(/alice|bob|example\.test/);
    const [first, second] = lines();
    expect(first?.["user"]).toMatch(/^~[0-9a-f]{10}$/);
    expect(second?.["user"]).toBe(first?.["user"]);
    expect(first?.["peer"]).toMatch(/^contact ~[0-9a-f]{10}$/);
    expect(first?.["msg"]).toBe("sent to [address]");
    expect(second?.["detail"]).toBe("550 <[address]>: unknown");
  });

  test("at debug shows addresses", () => {
    const { log, lines } = capture("debug");
    log.debug({ user: "alice@example.org" }, "hello");
    expect(lines()[0]?.["user"]).toBe("alice@example.org");
  });

  test("stays one harmless line whatever it is given (S-04)", () => {
    const { log, text, lines } = capture();
    log.info({ detail: 'a\r\n{"level":"error"}\u001b[31m\u009b31m\u2028\u202e\u0000\ud800' }, "x\ny\u2029");
    // oxlint-disable-next-line no-control-regex
    expect(text()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
    expect(text().match(/\n/g)).toHaveLength(1);
    expect(lines()[0]?.["detail"]).toBe('a\r\n{"level":"error"}\u001b[31m\\u009b31m\\u2028\\u202e\u0000\ufffd');
  });

  test("is bounded", () => {
    const { log, text } = capture();
    log.info({ detail: "x".repeat(1_000_000) }, "y".repeat(1_000_000));
    expect(text().length).toBeLessThan(1300);
  });
});

describe("an error in the log", () => {
  const hostile = (): Error =>
    Object.assign(new Error("Invalid login for alice@example.org at https://alice:hunter2@mail.example/x"), {
      code: "EAUTH",
      auth: { user: "alice", pass: "hunter2" },
      command: "A1 LOGIN alice hunter2",
      response: "hunter2",
      config: { headers: { Authorization: "Bearer hunter2" } },
    });

  test("is name, message and code, without what libraries hang on it (S-06)", () => {
    const { log, lines, text } = capture();
    log.error({ err: hostile() }, "login failed");
    expect(text()).not.toContain("hunter2");
    expect(lines()[0]?.["err"]).toEqual({
      name: "Error",
      message: "Invalid login for [address] at https://[credentials]@mail.example/x",
      code: "EAUTH",
    });
  });

  test("has its stack at debug only, and its causes always", () => {
    const error = new BridgeError("retry", "the mail server is away", { cause: hostile() });
    const quiet = capture("info");
    quiet.log.warn({ error }, "will try again");
    expect(quiet.lines()[0]?.["error"]).toEqual({
      name: "BridgeError",
      message: "the mail server is away",
      kind: "retry",
      condition: "remote-server-timeout",
      cause: {
        name: "Error",
        message: "Invalid login for [address] at https://[credentials]@mail.example/x",
        code: "EAUTH",
      },
    });
    const verbose = capture("debug");
    verbose.log.warn({ error }, "will try again");
    expect(verbose.text()).not.toContain("hunter2");
    expect(verbose.lines()[0]).toMatchObject({ error: { stack: expect.stringMatching(/^ +at /) } });
  });

  test("may be its own cause", () => {
    const error = new Error("round");
    error.cause = error;
    const { log, text } = capture();
    log.error({ error }, "x");
    expect(text().match(/round/g)).toHaveLength(5);
  });
});
