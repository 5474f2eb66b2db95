import { describe, expect, test } from "vitest";
import { type Answers, BridgeError, type Prompt } from "#bridge";
import { type Dialogue, Dialogs } from "../../src/gateway/dialogs.ts";
import { createTestClock } from "../kit/clock.ts";

const alice = "alice@localhost";
const mallory = "mallory@localhost";
const prompt = (name: string, more: Partial<Prompt["fields"][number]> = {}): Prompt => ({
  title: name,
  instructions: "",
  fields: [{ name, label: name.toUpperCase(), kind: "text", required: true, ...more }],
});

/** Asks for a and b, then repeats the answers. */
async function* twoQuestions(log: string[] = []): Dialogue {
  try {
    const a: Answers = yield prompt("a");
    const b: Answers = yield prompt("b");
    return `${a.a} ${b.b}`;
  } finally {
    log.push("left");
  }
}

const setUp = () => {
  const clock = createTestClock();
  return { clock, dialogs: new Dialogs(clock, 5) };
};

describe("a dialogue", () => {
  test("asks one question after the other and ends with a word", async () => {
    const { dialogs } = setUp();
    expect(await dialogs.start("1", alice, twoQuestions())).toEqual({ prompt: prompt("a") });
    expect(await dialogs.answer("1", alice, { a: "one" })).toEqual({ prompt: prompt("b") });
    expect(await dialogs.answer("1", alice, { b: "two" })).toEqual({ done: "one two" });
    expect(dialogs.has("1")).toBe(false);
  });

  test("that has nothing to ask is over at once", async () => {
    const { dialogs } = setUp();
    // biome-ignore lint: a dialogue without questions
    async function* word(): Dialogue {
      return "done";
    }
    expect(await dialogs.start("1", alice, word())).toEqual({ done: "done" });
    expect(dialogs.has("1")).toBe(false);
  });

  test("asks again while a required answer is missing", async () => {
    const { dialogs } = setUp();
    await dialogs.start("1", alice, twoQuestions());
    expect(await dialogs.answer("1", alice, { a: "" })).toEqual({
      prompt: { ...prompt("a"), error: "Please fill in: A" },
    });
    expect(await dialogs.answer("1", alice, { a: "one" })).toEqual({ prompt: prompt("b") });
  });

  test("hears only answers to what it asked", async () => {
    const { dialogs } = setUp();
    let heard: Answers = {};
    async function* listening(): Dialogue {
      heard = yield prompt("a");
      return "";
    }
    await dialogs.start("1", alice, listening());
    await dialogs.answer("1", alice, { a: "one", admin: "yes", ["__proto__"]: "x" });
    expect(heard).toEqual({ a: "one" });
    expect(Object.getPrototypeOf(heard)).toBe(Object.prototype);
  });

  test("whose bridge refuses ends with the bridge's condition", async () => {
    const { dialogs } = setUp();
    async function* refusing(): Dialogue {
      yield prompt("a");
      throw new BridgeError("reject", "Too many wrong passwords.", { condition: "not-authorized" });
    }
    await dialogs.start("1", alice, refusing());
    const answer = dialogs.answer("1", alice, { a: "x" });
    await expect(answer).rejects.toMatchObject({
      name: "GatewayError",
      condition: "not-authorized",
      message: "Too many wrong passwords.",
      wait: false,
    });
    expect(dialogs.has("1")).toBe(false);
  });

  test("lets go of what it holds when it is cancelled", async () => {
    const { dialogs } = setUp();
    const log: string[] = [];
    await dialogs.start("1", alice, twoQuestions(log));
    dialogs.cancel("1");
    await expect(dialogs.answer("1", alice, { a: "x" })).rejects.toMatchObject({ condition: "item-not-found" });
    expect(log).toEqual(["left"]);
  });

  test("takes one answer at a time", async () => {
    const { dialogs } = setUp();
    let go = () => {};
    async function* slow(): Dialogue {
      yield prompt("a");
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return "slow";
    }
    await dialogs.start("1", alice, slow());
    const first = dialogs.answer("1", alice, { a: "x" });
    await expect(dialogs.answer("1", alice, { a: "y" })).rejects.toMatchObject({
      condition: "bad-request",
      wait: true,
    });
    go();
    expect(await first).toEqual({ done: "slow" });
  });
});

describe("X20: sessions of commands", () => {
  test("are open only to who began them", async () => {
    const { dialogs } = setUp();
    await dialogs.start("1", alice, twoQuestions());
    await expect(dialogs.answer("1", mallory, { a: "x" })).rejects.toMatchObject({ condition: "forbidden" });
    expect(() => dialogs.prompt("1", mallory)).toThrow("somebody else's");
    expect(await dialogs.answer("1", alice, { a: "one" })).toEqual({ prompt: prompt("b") });
  });

  test("are five per user at most, and nobody else's count", async () => {
    const { dialogs } = setUp();
    for (let n = 0; n < 5; n++) await dialogs.start(`a${n}`, alice, twoQuestions());
    await expect(dialogs.start("a5", alice, twoQuestions())).rejects.toMatchObject({
      condition: "resource-constraint",
      wait: true,
    });
    expect(await dialogs.start("m0", mallory, twoQuestions())).toEqual({ prompt: prompt("a") });
    dialogs.cancel("a3");
    expect(await dialogs.start("a6", alice, twoQuestions())).toEqual({ prompt: prompt("a") });
  });

  test("are five per user at most also when all begin at the same moment", async () => {
    const { dialogs } = setUp();
    const starts = Array.from({ length: 100 }, (_, n) => dialogs.start(`a${n}`, alice, twoQuestions()));
    const results = await Promise.allSettled(starts);
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(5);
  });

  test("that are begun twice under one id are one, and the first lets go", async () => {
    const { dialogs } = setUp();
    const log: string[] = [];
    await Promise.all([dialogs.start("chat", alice, twoQuestions(log)), dialogs.start("chat", alice, twoQuestions())]);
    expect(log).toEqual(["left"]);
    expect(await dialogs.answer("chat", alice, { a: "one" })).toEqual({ prompt: prompt("b") });
  });

  test("end ten minutes after the last answer", async () => {
    const { dialogs, clock } = setUp();
    const log: string[] = [];
    await dialogs.start("1", alice, twoQuestions(log));
    await clock.advance(9 * 60_000);
    await dialogs.answer("1", alice, { a: "one" });
    await clock.advance(9 * 60_000);
    expect(dialogs.has("1")).toBe(true);
    await clock.advance(60_000);
    expect(dialogs.has("1")).toBe(false);
    expect(log).toEqual(["left"]);
    expect(clock.waiting).toBe(0);
  });
});

describe("a dialogue in chat", () => {
  async function* form(): Dialogue {
    const answers: Answers = yield {
      title: "Form",
      instructions: "",
      fields: [
        { name: "host", label: "Host", kind: "text", required: true, value: "mail.test" },
        { name: "name", label: "Name", kind: "text", required: false },
        { name: "word", label: "Password", kind: "secret", required: true },
      ],
    };
    return JSON.stringify(answers);
  }

  test("asks a field at a time; a dash takes the preset or leaves out", async () => {
    const { dialogs } = setUp();
    await dialogs.start("1", alice, form());
    expect(await dialogs.answerLine("1", alice, "-")).toMatchObject({ ask: { name: "name" } });
    expect(await dialogs.answerLine("1", alice, " - ")).toMatchObject({ ask: { name: "word" } });
    expect(await dialogs.answerLine("1", alice, " pass word ")).toEqual({
      done: '{"host":"mail.test","name":"","word":"pass word"}',
    });
  });

  test("asks a required field again when it was left out", async () => {
    const { dialogs } = setUp();
    await dialogs.start("1", alice, form());
    await dialogs.answerLine("1", alice, "-");
    await dialogs.answerLine("1", alice, "Alice");
    expect(await dialogs.answerLine("1", alice, "-")).toMatchObject({ ask: { name: "word" } });
    expect(await dialogs.answerLine("1", alice, "pw")).toEqual({
      done: '{"host":"mail.test","name":"Alice","word":"pw"}',
    });
  });
});
