import { describe, expect, test } from "vitest";
import { startWebServer } from "./web-setup.ts";

describe("a bridge's own routes", () => {
  test("get method, path below the mount, query, headers and body", async () => {
    const { mounts, port } = await startWebServer();
    const seen: string[] = [];
    const url = mounts.mount("matrix", async (request) => {
      const { pathname, search } = new URL(request.url);
      seen.push(
        `${request.method} ${pathname}${search} ${request.headers.get("authorization")} ${await request.text()}`,
      );
      return Response.json({ done: true }, { status: 201, headers: { "x-own": "1" } });
    });
    expect(url.href).toBe("https://files.example.org/gateway/bridges/matrix/");
    const answer = await fetch(`http://127.0.0.1:${port}/bridges/matrix/_matrix/app/v1/transactions/1?a=b`, {
      method: "PUT",
      headers: { authorization: "Bearer hs" },
      body: '{"events":[]}',
    });
    expect([answer.status, answer.headers.get("x-own"), await answer.json()]).toEqual([201, "1", { done: true }]);
    expect(seen).toEqual(['PUT /_matrix/app/v1/transactions/1?a=b Bearer hs {"events":[]}']);
  });

  test("are not found before they are mounted, nor beside the mount", async () => {
    const { mounts, get } = await startWebServer();
    expect((await get("/bridges/matrix/x")).status).toBe(404);
    mounts.mount("matrix", async () => new Response("here"));
    expect(await get("/bridges/matrix/x")).toMatchObject({ status: 200, body: "here" });
    expect(await get("/bridges/matrix/")).toMatchObject({ status: 200, body: "here" });
    for (const path of [
      "/bridges/",
      "/bridges/__proto__/x",
      "/bridges/constructor/x",
      "/bridges/Matrix/x",
      "/matrix/x",
    ])
      expect(await get(path)).toMatchObject({ status: 404, body: "not found\n" });
  });

  test("that fail are an error without details", async () => {
    const { mounts, get, log } = await startWebServer();
    mounts.mount("matrix", async () => {
      throw new Error("the secret detail");
    });
    expect(await get("/bridges/matrix/x")).toMatchObject({ status: 500, body: "error\n" });
    expect(log.lines.map(({ message }) => message)).toEqual(["a bridge could not answer a request"]);
  });
});
