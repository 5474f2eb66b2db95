// The server as main.ts starts it.
import { createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createToyBridge } from "../../bridges/toy/index.ts";
import { ToyNetwork } from "../../bridges/toy/network.ts";
import { startFakeXmppServer } from "../kit/fake-xmpp-server.ts";
import { startViaduct } from "../kit/viaduct.ts";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("the gateway serves its health while it runs, when it is configured to", async () => {
  const port = await freePort();
  const server = await startFakeXmppServer();
  const viaduct = await startViaduct({
    componentPort: server.port,
    bridges: { toy: createToyBridge(new ToyNetwork()) },
    web: { listen: `127.0.0.1:${port}`, publicUrl: "https://files.example.org/" },
  });
  const health = () => fetch(`http://127.0.0.1:${port}/health`).then((answer) => answer.json());
  const up = { status: "ok", links: { toy: "up" }, store: "up", waiting: { outgoing: 0, incoming: 0, intake: 0 } };
  await expect.poll(health, { timeout: 10_000 }).toEqual(up);
  await viaduct.stop();
  await expect(health()).rejects.toThrow();
  await server.stop();
});

test("the gateway does not start when the port is taken, and says which option to change", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  const start = startViaduct({
    componentPort: 1,
    bridges: { toy: createToyBridge(new ToyNetwork()) },
    web: { listen: `127.0.0.1:${port}`, publicUrl: "https://files.example.org/" },
  });
  await expect(start).rejects.toThrow(`web.listen: cannot listen on 127.0.0.1:${port}: EADDRINUSE`);
  taken.close();
});
