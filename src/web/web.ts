// The HTTP server in two steps: what the core and the edge need while they are put together, and the start.
import type { HttpHandler, Logger } from "#bridge";
import type { Clock } from "../gateway/ports.ts";
import type { FileLinks, FileReader, SignInPages } from "../gateway/web-ports.ts";
import type { HealthChecks } from "./health.ts";
import { createLinks } from "./links.ts";
import { createMounts } from "./mounts.ts";
import { startWeb, type WebServer } from "./server.ts";

export interface WebSetup {
  readonly listen: { readonly host: string; readonly port: number };
  /** Ends in "/". */
  readonly publicUrl: string;
  /** Milliseconds. */
  readonly linkLifetime: number;
  /** The store's. */
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Web {
  readonly links: FileLinks;
  /** For ServiceHost.mount. */
  mount(bridge: string, handler: HttpHandler): URL;
  /** Resolves when it listens. Rejects with a sentence for the operator. */
  start(parts: {
    readonly files: FileReader;
    readonly pages: SignInPages;
    readonly health: HealthChecks;
  }): Promise<void>;
  stop(): Promise<void>;
}

export function createWeb({ listen, publicUrl, linkLifetime, key, clock, log }: WebSetup): Web {
  const links = createLinks({ publicUrl, key, lifetime: linkLifetime });
  const mounts = createMounts({ publicUrl, clock, log });
  let server: WebServer | undefined;
  return {
    links,
    mount: (bridge, handler) => mounts.mount(bridge, handler),
    async start(parts) {
      server = await startWeb({ ...listen, ...parts, links, mounts, publicUrl, clock, log });
      log.info({ port: server.port, publicUrl }, "the web server listens");
    },
    stop: async () => server?.stop(),
  };
}
