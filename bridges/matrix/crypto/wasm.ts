// The encryption library (the Rust crypto of all current Matrix clients, as WebAssembly). Its import costs 30 ms and
// 20 MB, once in the process: only accounts in encrypted rooms ask for it.
import type * as Wasm from "@matrix-org/matrix-sdk-crypto-wasm";
import { accountDatabases } from "./indexed-db.ts";

export type { Wasm };
export type CryptoWasm = typeof Wasm;

export async function loadWasm(): Promise<CryptoWasm> {
  accountDatabases();
  const wasm = await import("@matrix-org/matrix-sdk-crypto-wasm");
  await wasm.initAsync();
  return wasm;
}

/** Those that are user ids; what others wrote may be anything. */
export function userIds(wasm: CryptoWasm, list: Iterable<unknown>): Wasm.UserId[] {
  const found: Wasm.UserId[] = [];
  for (const item of list) {
    const id = typeof item === "string" ? idOf(() => new wasm.UserId(item)) : undefined;
    if (id) found.push(id);
  }
  return found;
}

/** Undefined when the text is none. */
export const roomIdOf = (wasm: CryptoWasm, text: string): Wasm.RoomId | undefined => idOf(() => new wasm.RoomId(text));

function idOf<Id>(make: () => Id): Id | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
