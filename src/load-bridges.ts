// The bridges that come with the gateway, by name. A new one is one line here.
import type { Bridge, Json } from "#bridge";

/** Any bridge, whatever its options, credentials and verbs are. */
export type AnyBridge = Omit<Bridge<unknown, Json, never>, "verbs"> & { readonly verbs: Bridge["verbs"] };

/** Loads all of them: the configuration's schema needs every bridge's options. */
export async function loadBridges(): Promise<Readonly<Record<string, AnyBridge>>> {
  const [{ email }, { matrix }] = await Promise.all([
    import("../bridges/email/index.ts"),
    import("../bridges/matrix/index.ts"),
  ]);
  return { email, matrix };
}
