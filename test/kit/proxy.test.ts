import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Proxy, startProxy } from "./proxy.ts";

let server: Server;
let arrived: Socket[];
let proxy: Proxy;
let clients: Socket[];

beforeEach(async () => {
  arrived = [];
  clients = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    arrived.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await startProxy({ target: (server.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.stop();
  for (const socket of [...clients, ...arrived]) socket.destroy();
  server.close();
});

/** A client and the server's end of its connection. */
async function connected(): Promise<{ client: Socket; far: Socket }> {
  const before = arrived.length;
  const client = connect(proxy.port, "127.0.0.1");
  client.on("error", () => {});
  clients.push(client);
  await until(() => arrived.length > before);
  const far = arrived[before];
  if (!far) throw new Error("no connection");
  return { client, far };
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 3000) throw new Error("it never came true");
    await sleep(5);
  }
}

/** Collects what a socket receives and how it ends. */
function watch(socket: Socket): { text: string; chunks: number; ended: string } {
  const seen = { text: "", chunks: 0, ended: "" };
  socket.on("data", (chunk) => {
    seen.text += String(chunk);
    seen.chunks++;
  });
  socket.on("end", () => {
    seen.ended ||= "end";
  });
  socket.on("error", (error) => {
    seen.ended ||= "code" in error ? String(error.code) : error.message;
  });
  return seen;
}

test("forwards both ways, the end of the stream included, and counts bytes", async () => {
  const { client, far } = await connected();
  const [near, there] = [watch(client), watch(far)];
  client.end("hello");
  await until(() => there.ended === "end");
  far.end("good day");
  await until(() => near.ended === "end");
  expect(there.text).toBe("hello");
  expect(near.text).toBe("good day");
  expect(proxy.stats).toMatchObject({ accepted: 1, up: 5, down: 8 });
});

test("slices a write into small segments that arrive in order", async () => {
  proxy.slice(1, 7);
  const { client, far } = await connected();
  const there = watch(far);
  const text = "0123456789".repeat(200);
  client.write(text);
  await until(() => there.text.length === 2000);
  expect(there.text).toBe(text);
  expect(there.chunks).toBeGreaterThan(50);
});

test("delays each direction", async () => {
  proxy.delay(120);
  const { client, far } = await connected();
  const there = watch(far);
  const start = Date.now();
  client.write("late");
  await until(() => there.text === "late");
  expect(Date.now() - start).toBeGreaterThanOrEqual(115);
});

test("lets nothing through a black hole, not even the end, and everything once healed", async () => {
  const { client, far } = await connected();
  const there = watch(far);
  proxy.blackhole();
  client.end("into the dark");
  await sleep(150);
  expect(there).toMatchObject({ text: "", ended: "" });
  proxy.heal();
  await until(() => there.ended === "end");
  expect(there.text).toBe("into the dark");
});

test("holds new connections in a black hole too, unless it is for existing ones only", async () => {
  const old = await connected();
  const oldFar = watch(old.far);
  proxy.blackhole({ existingOnly: true });
  const fresh = await connected();
  const freshFar = watch(fresh.far);
  old.client.write("old");
  fresh.client.write("fresh");
  await until(() => freshFar.text === "fresh");
  expect(oldFar.text).toBe("");
  proxy.blackhole();
  const newest = await connected();
  const newestFar = watch(newest.far);
  newest.client.write("newest");
  await sleep(100);
  expect(newestFar.text).toBe("");
});

test("cut resets both sides", async () => {
  const { client, far } = await connected();
  const [near, there] = [watch(client), watch(far)];
  proxy.cut();
  await until(() => near.ended !== "" && there.ended !== "");
  expect([near.ended, there.ended]).toEqual(["ECONNRESET", "ECONNRESET"]);
});

test("cutAfter a pattern split over writes: the receiver gets it and the end, the sender a reset, nothing behind it", async () => {
  const { client, far } = await connected();
  const [near, there] = [watch(client), watch(far)];
  const done = proxy.cutAfter("250 ok", "down");
  far.write("354 go\r\n25");
  await until(() => near.text === "354 go\r\n25");
  far.write("0 ok and more");
  await done;
  await until(() => near.ended !== "" && there.ended !== "");
  expect(near).toMatchObject({ text: "354 go\r\n250 ok", ended: "end" });
  expect(there.ended).toBe("ECONNRESET");
});

test("cutAfter with forward false withholds the pattern", async () => {
  const { client, far } = await connected();
  const near = watch(client);
  const done = proxy.cutAfter("250 ok", "down", { forward: false });
  far.write("354 go\r\n250 ok\r\n");
  await done;
  await until(() => near.ended !== "");
  expect(near.text).toBe("354 go\r\n");
});

test("cutAfter a number of bytes counts from the call", async () => {
  const { client, far } = await connected();
  const there = watch(far);
  client.write("12345");
  await until(() => there.text === "12345");
  const done = proxy.cutAfter(3, "up");
  client.write("67890");
  await done;
  await until(() => there.ended !== "");
  expect(there.text).toBe("12345678");
});

test("refuses new connections until healed", async () => {
  proxy.refuse();
  const client = connect(proxy.port, "127.0.0.1");
  clients.push(client);
  const near = watch(client);
  await until(() => near.ended !== "");
  expect(near.ended).toBe("ECONNRESET");
  expect(arrived).toHaveLength(0);
  proxy.heal();
  await connected();
  expect(arrived).toHaveLength(1);
});
