// Alice signs in to Matrix in her browser, by the homeserver's single sign-on, on real servers: XMPP server, Synapse with CAS.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pageIn, WebBrowser } from "../kit/browser.ts";
import { type CasServer, startCasServer } from "../kit/cas-server.ts";
import { saying } from "../kit/matrix-person.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import type { Person } from "./person.ts";

describe("signing in in the browser", () => {
  let stage: MatrixStage;
  let cas: CasServer;
  let alice: Person;
  beforeAll(async () => {
    cas = await startCasServer("al");
    stage = await setMatrixStage({
      xmpp: "prosody",
      users: ["alice", "bob"],
      people: ["ann", "al"],
      homeserver: { cas_config: { enabled: true, server_url: cas.baseUrl } },
    });
    alice = await stage.enter("alice");
  }, 120_000);
  afterAll(async () => {
    await stage?.stop();
    await cas?.stop();
  });

  it("leads from the chat through the single sign-on to an account that is online, and a message flows", async () => {
    await alice.ask("login");
    const offer = await alice.ask("al");
    const browser = new WebBrowser();
    const consent = await browser.open(pageIn(offer));
    expect(consent.html).toContain("<strong>alice@localhost</strong>");
    await browser.submit();
    const back = await browser.follow(`${stage.synapse.baseUrl}/_matrix/client/v3/login/sso/redirect?`);
    expect(back.html).toContain("al"); // Synapse asks whether to go on
    const done = await browser.follow(`${new URL(pageIn(offer)).origin}/sign-in/return?`);
    expect(done.html).toContain("Signed in as @al:matrix.test.");
    expect(await alice.notice()).toContain("Signed in as @al:matrix.test.");
    await stage.online("alice");
    const ann = await stage.person("ann");
    alice.write("@ann:matrix.test", "signed in without a password");
    await ann.join(await ann.nextInvite());
    await ann.next(saying("signed in without a password"));
  });
});
