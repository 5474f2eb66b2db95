// E25: where a user may make the gateway connect to.
import { expect, test } from "vitest";
import { isPublicAddress } from "#bridge";
import { createHostPolicy } from "../../../bridges/email/host-policy.ts";
import type { Security } from "../../../bridges/email/endpoint.ts";

function policy(addresses: readonly string[], options: Parameters<typeof createHostPolicy>[0]) {
  return createHostPolicy(options, { addresses: async () => addresses, srv: async () => [], mx: async () => [] });
}

const nothing = { servers: {}, allowPrivateHosts: [] };
const imap = (host: string, port = 993, security: Security = "tls") => ({ host, port, security });

for (const address of [
  "127.0.0.1",
  "10.1.2.3",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "0.0.0.0",
  "198.18.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "::1",
  "::",
  "::ffff:127.0.0.1",
  "::ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "fe80::1",
  "fd00::1",
  "ff02::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "2001:0:1::1",
]) {
  test(`E25: refuses a host that resolves to ${address}`, async () => {
    await expect(policy([address], nothing).check(imap("mail.example"))).rejects.toMatchObject({
      kind: "reject",
      condition: "not-allowed",
      message: "This gateway does not connect to mail.example:993: it is not on the public internet.",
    });
  });
}

test("E25: refuses a host with one private address among public ones", async () => {
  await expect(policy(["8.8.8.8", "127.0.0.1"], nothing).check(imap("mail.example"))).rejects.toMatchObject({
    kind: "reject",
  });
});

test("E25: accepts public addresses and hands over exactly those", async () => {
  const checked = await policy(["8.8.8.8", "2606:4700::1"], nothing).check(imap("mail.example"));
  expect(checked).toEqual({ ...imap("mail.example"), addresses: ["8.8.8.8", "2606:4700::1"], insecure: false });
  expect(isPublicAddress("nonsense")).toBe(false);
});

for (const port of [22, 80, 443, 6379, 11_211, 8080]) {
  test(`E25: refuses port ${port}`, async () => {
    await expect(policy(["8.8.8.8"], nothing).check(imap("mail.example", port))).rejects.toMatchObject({
      kind: "reject",
    });
  });
}

for (const host of ["", "a b", "host/path", "user@host", "[::1]", "a..b", "-x.example", "mail.example\r\nX: y"]) {
  test(`E25: refuses ${JSON.stringify(host)} as a host name`, async () => {
    await expect(policy(["8.8.8.8"], nothing).check(imap(host))).rejects.toMatchObject({ kind: "reject" });
  });
}

test("allows the private hosts, addresses and ports that the operator named", async () => {
  const options = { servers: {}, allowPrivateHosts: ["mail.lan", "10.0.0.5", "box.lan:1143"] };
  const check = (host: string, port?: number) => policy(["10.0.0.5"], options).check(imap(host, port));
  await expect(check("MAIL.lan")).resolves.toMatchObject({ addresses: ["10.0.0.5"] });
  await expect(check("other.lan")).resolves.toMatchObject({ addresses: ["10.0.0.5"] });
  await expect(policy(["10.0.0.6"], options).check(imap("box.lan", 1143))).resolves.toMatchObject({ port: 1143 });
  await expect(policy(["10.0.0.6"], options).check(imap("box.lan", 993))).rejects.toMatchObject({ kind: "reject" });
});

test("E26: takes no unencrypted connection and no bad certificate except where the operator's table says so", async () => {
  const server = { host: "imap.lan", port: 143, security: "none", insecure: true } as const;
  const options = {
    servers: { "home.test": { imap: server, smtp: server } },
    allowPrivateHosts: ["imap.lan", "mail.lan"],
  };
  await expect(policy(["10.0.0.5"], options).check(imap("imap.lan", 143, "none"))).resolves.toMatchObject({
    insecure: true,
  });
  await expect(policy(["10.0.0.5"], options).check(imap("mail.lan", 143, "none"))).rejects.toMatchObject({
    kind: "reject",
  });
  await expect(policy(["10.0.0.5"], options).check(imap("mail.lan", 993))).resolves.toMatchObject({ insecure: false });
});

test("says retry, not reject, while a name does not resolve", async () => {
  await expect(policy([], nothing).check(imap("mail.example"))).rejects.toMatchObject({
    kind: "retry",
    condition: "remote-server-not-found",
  });
});
