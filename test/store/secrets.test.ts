import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createVault, loadKey } from "../../src/store/secrets.ts";
import { testKey, withFolder } from "./open-store.ts";

const place = "account/7/credentials";

describe("the vault", () => {
  const vault = createVault(testKey);

  test("opens what it sealed, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (plain, where) => {
        expect(vault.open(where, vault.seal(where, plain))).toBe(plain);
      }),
    );
  });

  test("seals the same text differently each time", () => {
    expect(vault.seal(place, "secret")).not.toEqual(vault.seal(place, "secret"));
  });

  test("S-02: does not open a value that was moved to another account", () => {
    const sealed = vault.seal(place, "secret");
    expect(() => vault.open("account/8/credentials", sealed)).toThrow("do not open with this key");
  });

  test("does not open a value with another key", () => {
    const other = createVault(Buffer.alloc(32, 8));
    expect(() => other.open(place, vault.seal(place, "secret"))).toThrow("is the key file the one");
  });

  test("does not open a value of which any bit was changed", () => {
    const sealed = vault.seal(place, "secret");
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const broken = Uint8Array.from(sealed);
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => vault.open(place, broken)).toThrow();
    }
  });

  test("does not open a value that was cut", () => {
    const sealed = vault.seal(place, "secret");
    for (let length = 0; length < sealed.length; length++) {
      expect(() => vault.open(place, sealed.subarray(0, length))).toThrow();
    }
  });

  test("takes a key of 32 bytes only", () => {
    expect(() => createVault(Buffer.alloc(16))).toThrow("a vault key has 32 bytes, this one has 16");
  });
});

describe("the key file", () => {
  test("is made on the first start, for the owner alone, and read on the next", () =>
    withFolder(async (_, folder) => {
      const path = join(folder, "new", "viaduct.key");
      const made = loadKey(path);
      expect(made.length).toBe(32);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(readFileSync(path, "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
      expect(Buffer.from(loadKey(path)).equals(Buffer.from(made))).toBe(true);
    }));

  test("that others can read is refused with the command that helps", () =>
    withFolder(async (_, folder) => {
      const path = join(folder, "viaduct.key");
      writeFileSync(path, "ab".repeat(32));
      chmodSync(path, 0o640);
      expect(() => loadKey(path)).toThrow(`run chmod 600 ${path}`);
    }));

  test("with anything else in it is refused and left alone", () =>
    withFolder(async (_, folder) => {
      const path = join(folder, "viaduct.key");
      writeFileSync(path, "not a key", { mode: 0o600 });
      expect(() => loadKey(path)).toThrow("must hold 64 hexadecimal digits");
      expect(existsSync(path) && readFileSync(path, "utf8")).toBe("not a key");
    }));
});
