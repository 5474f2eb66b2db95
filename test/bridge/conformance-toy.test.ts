// The conformance suite on the toy bridge: the template for a bridge's own run of it.
import { describe, test } from "vitest";
import { BridgeError } from "#bridge";
import { createToyBridge } from "../../bridges/toy/index.ts";
import { ToyNetwork } from "../../bridges/toy/network.ts";
import { conformance, type Harness } from "../../src/bridge/test-kit.ts";

async function createHarness(): Promise<Harness> {
  const network = new ToyNetwork();
  network.passwords.set("tester", "secret");
  let written = 0;
  return {
    bridge: createToyBridge(network),
    options: { domain: false },
    self: "tester",
    credentials: { name: "tester", password: "secret" },
    peer: "bob",
    received: async () => network.messages.filter(({ to }) => to === "bob").map(({ text }) => text),
    async write(text) {
      network.put("bob", "tester", text, `written-${++written}`);
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

describe("the toy bridge", () => {
  test.each(conformance.map((check) => [check.name, check] as const))("%s", async (_, check) => {
    const harness = await createHarness();
    try {
      await check.run(harness);
    } finally {
      await harness.close();
    }
  });
});
