// The gateway as a child process that can be killed and started again on its data.
import { setTimeout as sleep } from "node:timers/promises";
import type { LinkLimits } from "../../../src/xmpp/link-options.ts";
import { startChild, type ViaductChild } from "../../kit/viaduct-child.ts";

export interface StartOptions {
  /** "point:hit". */
  readonly crash?: string;
  /** See viaduct-process.ts. */
  readonly plant?: string;
  /** Do not wait until the component is up. */
  readonly early?: boolean;
  readonly execArgv?: readonly string[];
}

export interface GatewayRuns {
  /** The running gateway; throws when there is none. */
  readonly child: ViaductChild;
  /** Everything all gateways logged so far. */
  logs(): string;
  start(options?: StartOptions): Promise<ViaductChild>;
  /** Starts one that is to die at `crash`; resolves when it is dead. */
  startToDie(
    crash: string,
    options?: { readonly onUp?: () => void; readonly plant?: string; readonly withinMs?: number },
  ): Promise<void>;
  /** Kills what runs of the gateway. */
  halt(): Promise<void>;
}

/** @param link deadlines of the component stream */
export function gatewayRuns(config: string, link?: Partial<LinkLimits>): GatewayRuns {
  const children: ViaductChild[] = [];
  const start = async ({ crash, plant, early, execArgv }: StartOptions = {}): Promise<ViaductChild> => {
    const child = await startChild({
      config,
      log: "info",
      ...(crash === undefined ? {} : { crash }),
      ...(execArgv === undefined ? {} : { execArgv }),
      env: {
        ...(plant === undefined ? {} : { VIADUCT_PLANT: plant }),
        ...(link === undefined ? {} : { VIADUCT_LINK: JSON.stringify(link) }),
      },
    });
    children.push(child);
    if (early !== true) await Promise.race([child.up(), child.exited]);
    return child;
  };
  return {
    get child() {
      const child = children.at(-1);
      if (child === undefined) throw new Error("no gateway was started");
      return child;
    },
    logs: () => children.map((child) => child.output()).join(""),
    start,
    async startToDie(crash, { onUp, plant, withinMs = 15_000 } = {}) {
      const began = Date.now();
      let child: ViaductChild;
      try {
        child = await start({ crash, ...(plant === undefined ? {} : { plant }) });
      } catch (error) {
        // At a boundary that it passes before it says that it is ready.
        if (String(error).includes("(SIGKILL)")) return;
        throw error;
      }
      onUp?.();
      const left = Math.max(0, withinMs - (Date.now() - began));
      const dead = await Promise.race([child.exited, sleep(left, undefined, { ref: false })]);
      if (dead?.signal === "SIGKILL") return;
      await child.kill();
      const state =
        dead === undefined ? `was not reached within ${withinMs} ms` : `was not reached: it ended (${dead.code})`;
      throw new Error(`${crash} ${state}\n${child.output().slice(-3000)}`);
    },
    async halt() {
      for (const child of children) await child.kill();
    },
  };
}
