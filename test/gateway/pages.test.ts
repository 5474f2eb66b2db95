import { describe, expect, test } from "vitest";
import type { Answers } from "#bridge";
import { type Dialogue, Dialogs } from "../../src/gateway/dialogs.ts";
import { type OpenPage, Pages } from "../../src/gateway/pages.ts";
import { createTestClock } from "../kit/clock.ts";

const alice = "alice@localhost";
const browser = "a".repeat(32);
const other = "b".repeat(32);

/** Sends the browser to the network until it brings the code "good". `gate`: what looking at a code waits for. */
async function* visiting(page: OpenPage, gate: () => Promise<void>): Dialogue {
  const { browser, link } = page;
  try {
    let error: string | undefined;
    for (;;) {
      const url = new URL(`https://network.example/?state=${browser.newState()}`);
      const answers: Answers = yield {
        title: "Sign in",
        instructions: "",
        fields: [{ name: "password", label: "Password", kind: "secret", required: false }],
        visit: { url, returns: ["code"] },
        page: link,
        ...(error === undefined ? {} : { error }),
      };
      await gate();
      if (answers.code === "good") return "Signed in.";
      error = `no: ${JSON.stringify(answers)}`;
    }
  } finally {
    page.close();
  }
}

async function setUp(options: { publicUrl?: string; gate?: () => Promise<void> } = {}) {
  const clock = createTestClock();
  const dialogs = new Dialogs(clock, 5);
  const said: string[] = [];
  const allowed = new Set([alice]);
  const pages = new Pages({
    dialogs,
    publicUrl: options.publicUrl ?? "https://gw.example.org/x/",
    mayUse: (_, user) => allowed.has(user),
    say: async (_, user, text) => void said.push(`${user}: ${text}`),
  });
  const begin = async (id = "chat") => {
    const page = pages.open("toy", alice);
    if (page === undefined) throw new Error("no page");
    await dialogs.start(id, alice, visiting(page, options.gate ?? (async () => {})));
    return { token: page.link.split("/").at(-1) ?? "", page };
  };
  /** Of the visit that the page shows now. */
  const stateOn = (token: string): string => {
    const view = pages.look(token, browser);
    return (view?.hold === "yours" && view.prompt.visit?.url.searchParams.get("state")) || "";
  };
  return { clock, dialogs, pages, said, allowed, begin, stateOn };
}

describe("the page of a sign-in", () => {
  test("has an address that cannot be guessed, and one place to come back to", async () => {
    const { pages } = await setUp();
    const [one, two] = [pages.open("toy", alice), pages.open("toy", alice)];
    expect(one?.link).toMatch(/^https:\/\/gw\.example\.org\/x\/sign-in\/[\w-]{32}$/);
    expect(one?.link).not.toBe(two?.link);
    expect(one?.browser.returnUrl.href).toBe("https://gw.example.org/x/sign-in/return");
  });

  test("is there for the first browser whose user agrees, and for no other", async () => {
    const { pages, begin } = await setUp();
    const { token } = await begin();
    expect(pages.look(token, undefined)).toEqual({ user: alice, title: "Sign in", hold: "free" });
    expect(pages.claim(token, browser)).toBe(true);
    expect(pages.claim(token, other)).toBe(false);
    expect(pages.look(token, browser)).toMatchObject({ user: alice, hold: "yours", prompt: { title: "Sign in" } });
    for (const one of [other, undefined, ""]) {
      expect(pages.look(token, one)).toEqual({ user: alice, hold: "taken" });
      expect(await pages.answer(token, one, { password: "x" })).toBeUndefined();
    }
  });

  test("ends ten minutes after the last answer, with its way back", async () => {
    const { clock, pages, begin, stateOn } = await setUp();
    const { token } = await begin();
    pages.claim(token, browser);
    const state = stateOn(token);
    await clock.advance(10 * 60_000);
    expect(pages.look(token, browser)).toBeUndefined();
    expect(await pages.comeBack(state, browser, { code: "good" })).toBeUndefined();
    expect(pages.claim(token, browser)).toBe(false);
  });

  test("is over for a user who may not use the gateway any more", async () => {
    const { pages, begin, allowed, stateOn } = await setUp();
    const { token } = await begin();
    pages.claim(token, browser);
    const state = stateOn(token);
    allowed.clear();
    expect(pages.look(token, browser)).toBeUndefined();
    expect(await pages.answer(token, browser, {})).toBeUndefined();
    expect(await pages.comeBack(state, browser, { code: "good" })).toBeUndefined();
  });

  test("is opened for ten thousand sign-ins at most; then there is none, and room again when one ends", async () => {
    const { pages } = await setUp();
    const open = Array.from({ length: 10_001 }, () => pages.open("toy", alice));
    expect(open.filter(Boolean)).toHaveLength(10_000);
    open[0]?.close();
    expect(pages.open("toy", alice)).toBeDefined();
  });
});

describe("the way back", () => {
  test("ends the dialogue where it was begun, and the user is told", async () => {
    const { pages, begin, said, dialogs, stateOn } = await setUp();
    const { token } = await begin("window");
    pages.claim(token, browser);
    const step = await pages.comeBack(stateOn(token), browser, { code: "good", admin: "1", password: "x" });
    expect(step).toMatchObject({ user: alice, done: "Signed in." });
    expect(said).toEqual([`${alice}: Signed in.`]);
    expect(dialogs.lastWord("window", "mallory@localhost")).toBeUndefined();
    expect(dialogs.lastWord("window", alice)).toBe("Signed in.");
    expect(dialogs.lastWord("window", alice)).toBeUndefined();
  });

  test("is good once: a second time, or with a state of another round, nothing happens", async () => {
    const { pages, begin, stateOn } = await setUp();
    const { token } = await begin();
    pages.claim(token, browser);
    const first = stateOn(token);
    const refused = await pages.comeBack(first, browser, { code: "bad", password: "secret" });
    // Only what the visit returns is an answer.
    expect(refused).toMatchObject({ prompt: { error: 'no: {"code":"bad"}' } });
    expect(await pages.comeBack(first, browser, { code: "good" })).toBeUndefined();
    expect(stateOn(token)).not.toBe(first);
    expect(await pages.comeBack(stateOn(token), browser, { code: "good" })).toMatchObject({ done: "Signed in." });
  });

  test("without what the visit should bring changes nothing: the right one can still come", async () => {
    const { pages, begin, stateOn } = await setUp();
    const { token } = await begin();
    pages.claim(token, browser);
    const state = stateOn(token);
    expect(await pages.comeBack(state, browser, { state })).toBeUndefined();
    expect(await pages.comeBack(state, other, { code: "good" })).toBeUndefined();
    expect(await pages.comeBack(state, browser, { code: "good" })).toMatchObject({ done: "Signed in." });
  });

  test("that meets an answer from the chat can be gone once more", async () => {
    const waits: (() => void)[] = [];
    const gate = () => new Promise<void>((resolve) => void waits.push(resolve));
    const { pages, begin, stateOn, dialogs } = await setUp({ gate });
    const { token } = await begin();
    pages.claim(token, browser);
    const state = stateOn(token);
    const typed = dialogs.answer("chat", alice, {});
    const met = await pages.comeBack(state, browser, { code: "good" });
    expect(met).toMatchObject({ busy: "The last answer is still being worked on." });
    const again = pages.comeBack(state, browser, { code: "good" });
    expect(await again).toHaveProperty("busy");
    waits.shift()?.();
    await typed;
  });

  test("knows no state that was not made for a visit", async () => {
    const { pages, begin } = await setUp();
    const { token } = await begin();
    pages.claim(token, browser);
    for (const state of ["", token, "__proto__", "undefined"])
      expect(await pages.comeBack(state, browser, { code: "good" })).toBeUndefined();
  });
});

test("without a web server there is no page", () => {
  const pages = new Pages({
    dialogs: new Dialogs(createTestClock(), 5),
    publicUrl: undefined,
    mayUse: () => true,
    say: async () => {},
  });
  expect(pages.open("toy", alice)).toBeUndefined();
});
