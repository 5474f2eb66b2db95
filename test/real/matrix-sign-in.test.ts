// Alice signs in to Matrix in her browser, on real servers: Prosody and Synapse, which leads to a single sign-on (CAS) or has
// a scripted OAuth 2.0 server before it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HomeserverProxy, startHomeserverProxy } from "../bridges/matrix/homeserver-proxy.ts";
import { pageIn, WebBrowser } from "../kit/browser.ts";
import { type CasServer, startCasServer } from "../kit/cas-server.ts";
import { saying } from "../kit/matrix-person.ts";
import { type OAuthServer, startOAuthServer } from "../kit/oauth-server.ts";
import { type MatrixStage, setMatrixStage } from "./matrix-stage.ts";
import type { Person } from "./person.ts";
import { until } from "./stage.ts";

/** Opens the page of the sign-in and agrees that it is for this user. */
async function agree(link: string, browser = new WebBrowser()): Promise<WebBrowser> {
  await browser.open(link);
  await browser.submit();
  return browser;
}

/** How many devices of the gateway's the homeserver has for an account. */
async function devicesOf({ synapse }: MatrixStage, user: string): Promise<number> {
  const ask = async (path: string, init: RequestInit): Promise<unknown> =>
    (await fetch(`${synapse.baseUrl}/_matrix/client/v3/${path}`, init)).json();
  const login = { type: "m.login.password", identifier: { type: "m.id.user", user }, password: "secret" };
  const { access_token } = (await ask("login", { method: "POST", body: JSON.stringify(login) })) as {
    access_token: string;
  };
  const headers = { authorization: `Bearer ${access_token}` };
  const { devices } = (await ask("devices", { headers })) as { devices: { display_name: string | null }[] };
  await ask("logout", { method: "POST", headers });
  return devices.filter((one) => one.display_name === "Viaduct (XMPP gateway)").length;
}

const isKnown = async ({ synapse }: MatrixStage, token: string): Promise<boolean> =>
  (
    await fetch(`${synapse.baseUrl}/_matrix/client/v3/account/whoami`, {
      headers: { authorization: `Bearer ${token}` },
    })
  ).ok;

describe("by single sign-on", () => {
  let stage: MatrixStage;
  let cas: CasServer;
  let alice: Person;
  let bob: Person;
  const sso = () => `${stage.synapse.baseUrl}/_matrix/client/v3/login/sso/redirect?`;
  const wayBack = () => `${new URL(pageIn(offer)).origin}/sign-in/return?`;
  let offer = "";
  beforeAll(async () => {
    cas = await startCasServer("al");
    stage = await setMatrixStage({
      xmpp: "prosody",
      users: ["alice", "bob"],
      people: ["ann", "al", "bo"],
      homeserver: { cas_config: { enabled: true, server_url: cas.baseUrl } },
    });
    alice = await stage.enter("alice");
    bob = await stage.enter("bob");
  }, 120_000);
  afterAll(async () => {
    await stage?.stop();
    await cas?.stop();
  });

  it("leads from the chat to an account that is online, and a message flows", async () => {
    await alice.ask("login");
    offer = await alice.ask("al");
    const browser = new WebBrowser();
    const consent = await browser.open(pageIn(offer));
    expect(consent.html).toContain("<strong>alice@localhost</strong>");
    await browser.submit();
    await browser.follow(sso()); // Synapse asks whether to go on
    const done = await browser.follow(wayBack());
    expect(done.html).toContain("Signed in as @al:matrix.test.");
    expect(await alice.notice()).toContain("Signed in as @al:matrix.test.");
    await stage.online("alice");
    const ann = await stage.person("ann");
    alice.write("@ann:matrix.test", "signed in without a password");
    await ann.join(await ann.nextInvite());
    await ann.next(saying("signed in without a password"));
    expect(await devicesOf(stage, "al")).toBe(1);
  });

  it("is over when it is done: the page and the way back lead nowhere", async () => {
    const browser = new WebBrowser();
    expect((await browser.open(pageIn(offer))).status).toBe(404);
    expect((await browser.open(`${wayBack()}state=x&loginToken=y`)).status).toBe(404);
  });

  it("takes the account that was named, and gives another one's login back", async () => {
    await bob.ask("login");
    offer = await bob.ask("bo");
    cas.user = "ann";
    const browser = await agree(pageIn(offer));
    await browser.follow(sso());
    const refused = await browser.follow(wayBack());
    expect(refused.html).toContain("That belongs to @ann:matrix.test, not to bo.");
    expect(await devicesOf(stage, "ann")).toBe(0);
    cas.user = "bo";
    await browser.follow(sso());
    expect((await browser.follow(wayBack())).html).toContain("Signed in as @bo:matrix.test.");
    expect(await bob.notice()).toContain("Signed in as @bo:matrix.test.");
  });

  it("is ended on the homeserver by signing out", async () => {
    await bob.ask("logout");
    expect(await bob.ask("yes")).toBe("Signed out of @bo:matrix.test.");
    expect(await devicesOf(stage, "bo")).toBe(0);
  });
});

describe("by single sign-on, from a registration form", () => {
  let stage: MatrixStage;
  let cas: CasServer;
  beforeAll(async () => {
    cas = await startCasServer("al");
    // No password either, as where the single sign-on is all there is.
    const homeserver = {
      cas_config: { enabled: true, server_url: cas.baseUrl },
      password_config: { enabled: false },
    };
    stage = await setMatrixStage({ xmpp: "prosody", users: ["alice", "bob"], people: ["al", "bo"], homeserver });
  }, 120_000);
  afterAll(async () => {
    await stage?.stop();
    await cas?.stop();
  });
  const sso = () => `${stage.synapse.baseUrl}/_matrix/client/v3/login/sso/redirect?`;

  it("the link of the form leads to all of it", async () => {
    const alice = await stage.enter("alice");
    const form = await alice.request("<iq type='get' to='matrix.localhost'><query xmlns='jabber:iq:register'/></iq>");
    const link = form.getChild("query")?.getChild("x", "jabber:x:oob")?.getChildText("url") ?? "";
    const browser = await agree(link);
    const offer = await browser.submit({ address: "al" });
    expect(offer.html).not.toContain("your password");
    await browser.follow(sso());
    expect((await browser.follow(`${new URL(link).origin}/sign-in/return?`)).html).toContain("Signed in as @al:");
    expect(await alice.notice()).toContain("Signed in as @al:matrix.test.");
    await stage.online("alice");
  });

  it("a form that was sent goes on under the link in the answer", async () => {
    const bob = await stage.enter("bob");
    cas.user = "bo";
    bob.send(
      `<iq type='set' id='r1' to='matrix.localhost'><query xmlns='jabber:iq:register'><username>bo</username></query></iq>`,
    );
    const { text } = await bob.errorOn("r1");
    const browser = await agree(pageIn(text));
    await browser.follow(sso());
    expect((await browser.follow(`${new URL(pageIn(text)).origin}/sign-in/return?`)).html).toContain(
      "Signed in as @bo:",
    );
    await stage.online("bob");
  });
});

describe("by single sign-on, without a web server", () => {
  let stage: MatrixStage;
  let cas: CasServer;
  beforeAll(async () => {
    cas = await startCasServer("al");
    stage = await setMatrixStage({
      xmpp: "prosody",
      users: ["alice"],
      people: ["al"],
      web: false,
      homeserver: { cas_config: { enabled: true, server_url: cas.baseUrl } },
    });
  }, 120_000);
  afterAll(async () => {
    await stage?.stop();
    await cas?.stop();
  });

  it("is not offered, and the rest is", async () => {
    const alice = await stage.enter("alice");
    await alice.ask("login");
    const offer = await alice.ask("al");
    expect(offer).not.toContain("browser");
    expect(offer).toContain("Give your password. Or give an access token");
  });
});

describe("by OAuth 2.0 without a device grant", () => {
  let stage: MatrixStage;
  let proxy: HomeserverProxy;
  let oauth: OAuthServer;
  let alice: Person;
  let offer = "";
  let used = new URL("http://none");
  const browser = new WebBrowser();
  /** How many codes were redeemed. */
  const codes = () => oauth.asked.filter((form) => form.grant_type === "authorization_code").length;
  const authorize = () => `${oauth.baseUrl}/authorize?`;
  beforeAll(async () => {
    stage = await setMatrixStage({
      xmpp: "prosody",
      users: ["alice", "mallory"],
      people: ["al", "ann", "victim"],
      homeserver: { refreshable_access_token_lifetime: "5s" },
      async front(synapse) {
        oauth = await startOAuthServer(synapse.baseUrl);
        proxy = await startHomeserverProxy(synapse.baseUrl);
        proxy.script = (_, path) =>
          path === "/_matrix/client/v1/auth_metadata"
            ? { status: 200, body: JSON.stringify(oauth.metadata) }
            : undefined;
        return proxy.baseUrl;
      },
    });
    alice = await stage.enter("alice");
  }, 120_000);
  afterAll(async () => {
    await stage?.stop();
    await proxy?.stop();
    await oauth?.stop();
  });
  const begin = async (person: Person, user: string): Promise<string> => {
    await person.ask("login");
    return person.ask(user);
  };

  it("asks the server for a code that only this sign-in can use", async () => {
    offer = await begin(alice, "@al:matrix.test");
    await agree(pageIn(offer), browser);
    const { searchParams } = new URL(browser.link(authorize()));
    const returnUrl = `${new URL(pageIn(offer)).origin}/sign-in/return`;
    expect(Object.fromEntries(searchParams)).toEqual({
      response_type: "code",
      response_mode: "query",
      client_id: "0",
      redirect_uri: returnUrl,
      scope: expect.stringMatching(/^urn:matrix:client:api:\* urn:matrix:client:device:[0-9A-F]{16}$/),
      state: expect.stringMatching(/^[\w-]{32}$/),
      code_challenge_method: "S256",
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(oauth.clients[0]).toMatchObject({
      client_uri: `${new URL(returnUrl).origin}/`,
      application_type: "web",
      redirect_uris: [returnUrl],
      token_endpoint_auth_method: "none",
    });
    oauth.user = "al";
    const done = await browser.follow(authorize());
    expect(done.html).toContain("Signed in as @al:matrix.test.");
    expect(done.url.searchParams.has("code")).toBe(true);
    used = done.url;
    await alice.notice();
    await stage.online("alice");
  });

  it("is renewed there when it runs out, and messages flow", async () => {
    await until("it is renewed", () => oauth.asked.some((form) => form.grant_type === "refresh_token"));
    expect(oauth.asked.find((form) => form.grant_type === "refresh_token")).toMatchObject({ client_id: "0" });
    const ann = await stage.person("ann");
    alice.write("@ann:matrix.test", "with a new token");
    await ann.join(await ann.nextInvite());
    await ann.next(saying("with a new token"));
  });

  it("is over then: neither the page nor the way back, code and all, lead anywhere in the same browser", async () => {
    for (const url of [pageIn(offer), used]) expect((await browser.open(url)).status).toBe(404);
    expect(codes()).toBe(1);
  });

  it("says what the browser brought when the user refused there, and goes on", async () => {
    offer = await begin(alice, "@al:matrix.test");
    const browser = await agree(pageIn(offer));
    oauth.user = undefined;
    const first = browser.link(authorize());
    expect((await browser.follow(authorize())).html).toContain("The sign-in was refused in the browser.");
    // A new round has a new state and a new challenge; the old way back is closed.
    expect(browser.link(authorize())).not.toBe(first);
    oauth.user = "al";
    expect((await browser.open(first)).status).toBe(404);
    await browser.open(pageIn(offer));
    expect((await browser.follow(authorize())).html).toContain("Signed in as @al:matrix.test.");
    await alice.notice();
  });

  it("does not take the code of another server to this one", async () => {
    offer = await begin(alice, "@al:matrix.test");
    await agree(pageIn(offer), browser);
    const { searchParams } = new URL(browser.link(authorize()));
    const before = codes();
    const back = new URL(searchParams.get("redirect_uri") ?? "");
    back.search = String(
      new URLSearchParams({ state: searchParams.get("state") ?? "", code: "x", iss: "https://evil.example" }),
    );
    expect((await browser.open(back)).html).toContain("The browser came back from another server.");
    expect(codes()).toBe(before);
    await alice.ask("cancel");
  });

  it("is not finished by a victim's browser that mallory led to the middle of it", async () => {
    const mallory = await stage.enter("mallory");
    const bait = pageIn(await begin(mallory, "@victim:matrix.test"));
    const own = await agree(bait);
    const before = codes();
    oauth.user = "victim";
    const victim = new WebBrowser();
    // Straight to the authorization server, which knows the victim and sends the browser back with a code.
    const led = await victim.open(own.link(authorize()));
    expect([led.status, led.url.pathname]).toEqual([404, "/sign-in/return"]);
    expect(codes()).toBe(before);
    // The page itself is mallory's browser's, and shows nothing to another one.
    const shown = await victim.open(bait);
    expect([shown.status, shown.html.includes("authorize")]).toEqual([403, false]);
    expect(stage.gateway.gateway.accounts.of("matrix", "mallory@localhost")).toEqual([]);
    await mallory.ask("cancel");
    expect((await own.open(bait)).status).toBe(404);
  });

  it("gives the tokens back when the user signs out", async () => {
    await alice.ask("logout");
    await alice.ask("yes");
    expect(oauth.revoked).toHaveLength(1);
    expect(await isKnown(stage, oauth.revoked[0] ?? "")).toBe(false);
  });
});
