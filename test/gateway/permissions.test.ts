import { describe, expect, test } from "vitest";
import { createPermissions } from "../../src/gateway/permissions.ts";

const permissions = createPermissions({
  allow: ["example.org", "guest@elsewhere.test"],
  admins: ["root@example.org"],
  bridges: {
    matrix: { allow: ["vip@example.org"], admins: ["vip@example.org"] },
    open: { allow: ["*"], admins: ["*", "example.org"] },
  },
});

describe("who may use a bridge", () => {
  test.each([
    ["everybody of an allowed domain", "alice@example.org", true],
    ["one allowed address", "guest@elsewhere.test", true],
    ["nobody else of that address's domain", "other@elsewhere.test", false],
    ["X02: nobody of a subdomain", "alice@evil.example.org", false],
    ["X02: nobody of a domain that ends the same", "alice@notexample.org", false],
    ["X02: nobody whose name holds the domain", "example.org@evil.test", false],
    ["nobody of a parent domain", "alice@org", false],
  ])("%s", (_, user, allowed) => {
    expect(permissions.mayUse("email", user)).toBe(allowed);
  });

  test("a bridge's own list replaces the general one", () => {
    expect(permissions.mayUse("matrix", "vip@example.org")).toBe(true);
    expect(permissions.mayUse("matrix", "alice@example.org")).toBe(false);
  });

  test("a star lets everybody in who can reach the server", () => {
    expect(permissions.mayUse("open", "anybody@anywhere.test")).toBe(true);
  });

  test("H01: an admin is one only by the whole address", () => {
    expect(permissions.isAdmin("email", "root@example.org")).toBe(true);
    expect(permissions.isAdmin("email", "alice@example.org")).toBe(false);
    expect(permissions.isAdmin("email", "root@example.org.evil.test")).toBe(false);
    expect(permissions.isAdmin("open", "alice@example.org")).toBe(false);
  });

  test("a bridge's own admins replace the general ones", () => {
    expect(permissions.isAdmin("matrix", "vip@example.org")).toBe(true);
    expect(permissions.isAdmin("matrix", "root@example.org")).toBe(false);
    expect(permissions.isAdmin("email", "vip@example.org")).toBe(false);
  });

  test("an empty list lets nobody in", () => {
    const closed = createPermissions({ allow: [], admins: [], bridges: {} });
    expect(closed.mayUse("email", "alice@example.org")).toBe(false);
  });
});
