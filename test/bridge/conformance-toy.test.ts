// The conformance suite on the toy bridge: the template for a bridge's own run of it.
import { BridgeError } from "#bridge";
import { createToyBridge } from "../../bridges/toy/index.ts";
import { ToyNetwork } from "../../bridges/toy/network.ts";
import { connectAccount, connectDomain, type Harness } from "../../src/bridge/test-kit.ts";
import { describeConformance } from "../kit/conformance.ts";

async function createHarness(domain: boolean): Promise<Harness> {
  const network = new ToyNetwork();
  network.passwords.set("tester", "secret");
  const tester = { bridge: createToyBridge(network), options: { domain }, self: "tester" };
  let written = 0;
  return {
    ...tester,
    connect: (host) =>
      domain
        ? connectDomain(tester, "tester@example.org", host)
        : connectAccount(tester, { name: "tester", password: "secret" }, host),
    peer: "bob",
    received: async () => network.messages.filter(({ to }) => to === "bob").map(({ text }) => text),
    async write(text) {
      network.put("bob", "tester", text, `written-${++written}`);
    },
    async show(name, picture) {
      const avatar = `picture-${++written}`;
      network.pictures.set(avatar, picture);
      network.profiles.set("bob", { name, avatar });
    },
    async trouble(kind) {
      network.passwords.set("tester", kind === "login-required" ? "changed" : "secret");
      delete network.trouble.beforeSend;
      delete network.trouble.afterSend;
      // An answer that gets lost is the harder case: the network has the message, the bridge does not know.
      if (kind === "retry")
        network.trouble.afterSend = () => {
          throw new BridgeError("retry", "The toy network is away.", { uncertain: true });
        };
      if (kind === "reject")
        network.trouble.beforeSend = () => {
          throw new BridgeError("reject", "The toy network does not want this.");
        };
    },
    async close() {},
  };
}

describeConformance("the toy bridge in account mode", [], () => createHarness(false));
describeConformance("the toy bridge in domain mode", ["credentials"], () => createHarness(true));
