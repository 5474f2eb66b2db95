// Sign-in against a real Synapse, and the parts that it does not offer against a scripted server.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { MatrixCredentials } from "../../../bridges/matrix/credentials.ts";
import { createMatrixBridge } from "../../../bridges/matrix/index.ts";
import { matrixOptions } from "../../../bridges/matrix/options.ts";
import type { Answers, BridgeError, GuardedFetch, Prompt, SignedIn } from "../../../src/bridge/index.ts";
import { startSynapse, type Synapse } from "../../lab/synapse.ts";
import { type HomeserverProxy, type Script, startHomeserverProxy } from "./homeserver-proxy.ts";

let synapse: Synapse;
let proxy: HomeserverProxy;
const bridge = createMatrixBridge();
const log = { debug() {}, info() {}, warn() {}, error() {} };

beforeAll(async () => {
  synapse = await startSynapse({ users: { alice: "secret", mallory: "secret" } });
  proxy = await startHomeserverProxy(synapse.baseUrl);
}, 60_000);
afterAll(async () => {
  await proxy.stop();
  await synapse.stop();
});

/** Names of the tests' world lead to the proxy, as DNS would. */
const hosts = new Set(["matrix.test", "hs.matrix.test"]);
const guarded: GuardedFetch = (url, { timeout = 5000, maxBytes: _, ...init } = {}) => {
  const to = new URL(url);
  if (hosts.has(to.hostname))
    return fetch(`${proxy.baseUrl}/${to.hostname}${to.pathname}${to.search}`, {
      signal: AbortSignal.timeout(timeout),
      ...init,
    });
  return fetch(to, { signal: AbortSignal.timeout(timeout), ...init });
};

interface Outcome {
  readonly prompts: Prompt[];
  readonly result?: SignedIn<MatrixCredentials>;
  readonly error?: BridgeError;
}

/** Runs the dialogue with the answers in order. */
async function signIn(answers: readonly Answers[], accounts: object = {}): Promise<Outcome> {
  const options = matrixOptions.parse({ accounts });
  const dialogue = bridge.login?.({ options, fetch: guarded, log, signal: AbortSignal.timeout(20_000) });
  const prompts: Prompt[] = [];
  try {
    let step = await dialogue?.next({});
    for (const answer of answers) {
      if (step === undefined || step.done === true) break;
      prompts.push(step.value);
      step = await dialogue?.next(answer);
    }
    if (step?.done === true) return { prompts, result: step.value };
    if (step !== undefined) prompts.push(step.value);
    await dialogue?.return(undefined as never);
    return { prompts };
  } catch (error) {
    return { prompts, error: error as BridgeError };
  }
}

/** The proxy as the hosts of the tests' world: the document of matrix.test, and the homeserver itself. */
const world =
  (more: Script = () => undefined): Script =>
  (method, path) => {
    if (path === "/matrix.test/.well-known/matrix/client")
      return { status: 200, body: JSON.stringify({ "m.homeserver": { base_url: proxy.baseUrl } }) };
    return more(method, path);
  };

test("an address and a password are enough, and the login renews itself", async () => {
  proxy.script = world();
  const { prompts, result } = await signIn([{ address: "@alice:matrix.test" }, { password: "secret" }]);
  expect(prompts.map(({ fields }) => fields.map(({ name, kind }) => [name, kind]))).toEqual([
    [["address", "text"]],
    [["password", "secret"]],
  ]);
  expect(result).toMatchObject({
    self: "@alice:matrix.test",
    credentials: {
      kind: "password",
      baseUrl: proxy.baseUrl,
      userId: "@alice:matrix.test",
      deviceId: expect.stringMatching(/^\w+$/),
    },
  });
  expect(result?.credentials).toHaveProperty("refreshToken");
});

test("a wrong password is asked for again, and at last refused", async () => {
  proxy.script = world();
  const wrong = { password: "guess" };
  const { prompts, result } = await signIn([{ address: "@alice:matrix.test" }, wrong, { password: "secret" }]);
  expect(prompts[2]?.error).toContain("does not accept");
  expect(result?.self).toBe("@alice:matrix.test");
  const { error } = await signIn([{ address: "@alice:matrix.test" }, wrong, wrong, wrong, wrong, wrong]);
  expect(error).toMatchObject({ kind: "reject", condition: "not-authorized" });
});

test("X21: nonsense and unknown servers are asked for again, and nonsense is not repeated", async () => {
  proxy.script = world((_method, path) => (path.startsWith("/hs.matrix.test") ? { status: 404 } : undefined));
  const { prompts } = await signIn([
    { address: "alice" },
    { address: "@a b:c" },
    { address: "" },
    { address: "@x:hs.matrix.test" },
  ]);
  expect(prompts.map(({ error }) => error)).toEqual([
    undefined,
    "That is not a Matrix address: it should look like @name:example.org.",
    "That is not a Matrix address: it should look like @name:example.org.",
    "That is not a Matrix address: it should look like @name:example.org.",
    "No Matrix homeserver answers at hs.matrix.test.",
  ]);
});

test("a document that leads to plain http or inside is refused, and no password goes there", async () => {
  for (const base_url of [
    "http://hs.matrix.test",
    "https://user:pw@hs.matrix.test",
    "file:///etc/passwd",
    "javascript:1",
    "",
  ]) {
    proxy.script = (_method, path) =>
      path.includes(".well-known")
        ? { status: 200, body: JSON.stringify({ "m.homeserver": { base_url } }) }
        : undefined;
    const from = proxy.requests.length;
    const { prompts } = await signIn([{ address: "@alice:matrix.test" }]);
    expect(prompts[1]?.title).toBe("Sign in to your Matrix account");
    expect(prompts[1]?.error).toBeDefined();
    expect(proxy.requests.slice(from).filter((request) => request.startsWith("POST"))).toEqual([]);
  }
});

test("a pasted token is asked whose it is, and must be the named account's", async () => {
  proxy.script = world();
  const login = await fetch(`${synapse.baseUrl}/_matrix/client/v3/login`, {
    method: "POST",
    body: JSON.stringify({
      type: "m.login.password",
      identifier: { type: "m.id.user", user: "mallory" },
      password: "secret",
    }),
  });
  const { access_token: token, device_id: deviceId } = (await login.json()) as {
    access_token: string;
    device_id: string;
  };
  const { prompts } = await signIn([{ address: "@alice:matrix.test" }, { password: token }]);
  expect(prompts[2]?.error).toBe("That belongs to @mallory:matrix.test, not to @alice:matrix.test.");
  const { result } = await signIn([{ address: "@mallory:matrix.test" }, { password: "nonsense" }, { password: token }]);
  expect(result?.credentials).toEqual({
    kind: "token",
    baseUrl: proxy.baseUrl,
    userId: "@mallory:matrix.test",
    deviceId,
    accessToken: token,
  });
});

test("with the operator's homeserver a user name is enough", async () => {
  proxy.script = undefined;
  const { prompts, result } = await signIn([{ address: "alice" }, { password: "secret" }], {
    homeserver: proxy.baseUrl,
  });
  expect(prompts[0]?.fields[0]?.label).toBe("Matrix user name");
  expect(result?.self).toBe("@alice:matrix.test");
});

test("where the homeserver has OAuth the user gets a link and a code", async () => {
  const login = await fetch(`${synapse.baseUrl}/_matrix/client/v3/login`, {
    method: "POST",
    body: JSON.stringify({
      type: "m.login.password",
      identifier: { type: "m.id.user", user: "alice" },
      password: "secret",
    }),
  });
  const { access_token } = (await login.json()) as { access_token: string };
  const oauth = `${proxy.baseUrl}/oauth`;
  let asked = 0;
  const json = (body: object, status = 200) => ({ status, body: JSON.stringify(body) });
  proxy.script = world((_method, path) => {
    switch (path) {
      case "/_matrix/client/v1/auth_metadata":
        return json({
          issuer: proxy.baseUrl,
          token_endpoint: `${oauth}/token`,
          device_authorization_endpoint: `${oauth}/device`,
          registration_endpoint: `${oauth}/register`,
          grant_types_supported: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        });
      case "/oauth/register":
        return json({ client_id: "client 7" }, 201);
      case "/oauth/device":
        return json({
          device_code: "d",
          user_code: "ABCD-EFGH",
          verification_uri: "https://auth.example/link",
          expires_in: 60,
          interval: 1,
        });
      case "/oauth/token":
        asked += 1;
        return asked < 3
          ? json({ error: "authorization_pending" }, 400)
          : json({ access_token, refresh_token: "r", expires_in: 300, token_type: "Bearer" });
      default:
        return undefined;
    }
  });
  const { prompts, result } = await signIn([{ address: "@alice:matrix.test" }, {}]);
  expect(prompts[1]?.instructions).toContain("https://auth.example/link");
  expect(prompts[1]?.instructions).toContain("ABCD-EFGH");
  expect(asked).toBe(3);
  expect(result?.credentials).toMatchObject({
    kind: "oauth",
    accessToken: access_token,
    refreshToken: "r",
    oauth: { tokenEndpoint: `${oauth}/token`, clientId: "client 7" },
  });
});
