import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import type { DomainOptions } from "../../../../bridges/matrix/appservice/options.ts";
import {
  checkRegistrationFile,
  registrationProblem,
  registrationYaml,
} from "../../../../bridges/matrix/appservice/registration.ts";
import { isSameToken, openTokens } from "../../../../bridges/matrix/appservice/tokens.ts";
import { MemoryRecords } from "../../../../src/bridge/harness.ts";
import { domainOptions } from "./domain-lab.ts";

const tokens = { asToken: "a".repeat(40), hsToken: "h".repeat(40) };
const domain = domainOptions("http://127.0.0.1:8008", "http://127.0.0.1:9000/bridges/matrix/", {
  serverName: "hs.test",
  ...tokens,
}).domain as DomainOptions;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "registration-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("the registration says what a homeserver needs, and claims no more than our users", () => {
  const yaml = registrationYaml(domain, tokens, domain.url ?? "");
  expect(yaml).toMatch(/^# Viaduct: the XMPP users of xmpp\.test on Matrix\./);
  expect(parse(yaml)).toEqual({
    id: "viaduct",
    url: "http://127.0.0.1:9000/bridges/matrix",
    as_token: tokens.asToken,
    hs_token: tokens.hsToken,
    sender_localpart: "_xmpp_bot",
    namespaces: {
      users: [{ exclusive: true, regex: "^@_xmpp_.*:hs\\.test$" }],
      aliases: [{ exclusive: true, regex: "^#_xmpp_.*:hs\\.test$" }],
      rooms: [],
    },
    rate_limited: false,
    protocols: ["xmpp"],
    receive_ephemeral: true,
    "de.sorunome.msc2409.push_ephemeral": true,
  });
  expect(registrationProblem(parse(yaml), domain, tokens)).toBeUndefined();
});

const users = (regex: string, exclusive: unknown = true) => ({ namespaces: { users: [{ exclusive, regex }] } });

test.each([
  ["@_xmpp_.*:hs\\.test", undefined],
  ["^@_xmpp_[^:]*:hs\\.test$", "claims ^@_xmpp_[^:]*:hs\\.test$, which is more than ids that begin with @_xmpp_"],
  ["@.*:hs\\.test", "claims @.*:hs\\.test, which is more than ids that begin with @_xmpp_"],
  ["@_xmpp_.*", "claims @_xmpp_.*, which is more than ids that begin with @_xmpp_"],
  ["@_xmpp_.*:hs.test", "claims @_xmpp_.*:hs.test, which is more than ids that begin with @_xmpp_"],
  ["@_xmpp_.*:hs\\.test|@.*", "claims @_xmpp_.*:hs\\.test|@.*, which is more than ids that begin with @_xmpp_"],
  ["@_xmpp_?.*:hs\\.test", "claims @_xmpp_?.*:hs\\.test, which is more than ids that begin with @_xmpp_"],
  ["@_xmpp_*.*:hs\\.test", "claims @_xmpp_*.*:hs\\.test, which is more than ids that begin with @_xmpp_"],
])("M21: the namespace %s: %s", (regex, problem) => {
  const registration = { ...(parse(registrationYaml(domain, tokens, "http://x")) as object), ...users(regex) };
  expect(registrationProblem(registration, domain, tokens)).toBe(problem);
});

test.each([
  ["not exclusive", users("@_xmpp_.*:hs\\.test", false), /it must be exclusive/],
  ["exclusive only in words", users("@_xmpp_.*:hs\\.test", "true"), /it must be exclusive/],
  ["without users", { namespaces: {} }, /claims no users/],
  [
    "of all rooms",
    { namespaces: { users: [{ exclusive: true, regex: "@_xmpp_.*:hs\\.test" }], rooms: [{}] } },
    /claims rooms/,
  ],
  ["of another gateway", { id: "other" }, /is not the one of "viaduct"/],
  ["with other tokens", { hs_token: "x" }, /has other tokens/],
  ["with another bot", { sender_localpart: "admin" }, /another sender_localpart than _xmpp_bot/],
])("M21: a registration %s is refused", async (_, change, problem) => {
  const file = join(folder, "registration.yaml");
  const registration = { ...(parse(registrationYaml(domain, tokens, "http://x")) as object), ...change };
  await writeFile(file, JSON.stringify(registration));
  await expect(checkRegistrationFile(file, domain, tokens)).rejects.toThrow(problem);
});

test("a file that is not there or no YAML is named", async () => {
  await expect(checkRegistrationFile(join(folder, "none.yaml"), domain, tokens)).rejects.toThrow(/cannot be read/);
  await writeFile(join(folder, "broken.yaml"), "a: [");
  await expect(checkRegistrationFile(join(folder, "broken.yaml"), domain, tokens)).rejects.toThrow(/cannot be read/);
});

test("tokens are made once and kept, unless the configuration has them", async () => {
  const records = new MemoryRecords();
  const made = await openTokens({}, records);
  expect(made.asToken).toMatch(/^[0-9a-f]{64}$/);
  expect(made.hsToken).not.toBe(made.asToken);
  expect(await openTokens({}, records)).toEqual(made);
  expect(await openTokens(tokens, records)).toEqual(tokens);
});

test("only the same token is the same", () => {
  expect(isSameToken("secret", "secret")).toBe(true);
  expect(isSameToken("secre", "secret")).toBe(false);
  expect(isSameToken("", "secret")).toBe(false);
});

test("options that do not go together are refused with a sentence", () => {
  const wrong = (more: object) => () => domainOptions("http://127.0.0.1:8008", "http://x", more);
  expect(wrong({ hsToken: undefined })).toThrow("asToken and hsToken go together");
  expect(wrong({ hsToken: "same".repeat(10), asToken: "same".repeat(10) })).toThrow("must differ");
  expect(wrong({ asToken: "short" })).toThrow("at least 32");
  expect(wrong({ serverName: "https://hs.test" })).toThrow("what user ids end in");
});
