// Does everything that is sent to us arrive on THIS stream? ejabberd accepts a second stream of the same component and
// splits the traffic between both, so an old half-open stream silently eats half of our messages (reliability.md 6, X33).
import { randomUUID } from "node:crypto";
import type { Clock, TimerHandle } from "../gateway/ports.ts";
import { parseJid } from "./jid.ts";
import { attr, child, type Element, el } from "./stanza.ts";

const probeNamespace = "urn:viaduct:probe:0";

export interface SelfProbeOptions {
  /** The component's domain. */
  readonly jid: string;
  readonly send: (stanza: Element) => void;
  readonly clock: Clock;
}

interface Run {
  readonly missing: Set<string>;
  readonly finish: () => void;
}

/** Sends messages from the component to itself and counts which come back. */
export class SelfProbe {
  readonly #options: SelfProbeOptions;
  readonly #runs = new Set<Run>();
  readonly #jid: string;
  /** Begins every nonce of ours, so that a late probe is not taken for somebody else's. */
  readonly #mine = randomUUID();

  constructor(options: SelfProbeOptions) {
    this.#options = options;
    this.#jid = parseJid(options.jid)?.toString() ?? options.jid;
  }

  /**
   * Sends `count` messages, each from and to an address of its own (ejabberd can be told to split by either). Resolves
   * with how many came back: as soon as all have, else after `timeoutMs`. Rejects with what
   * `send` throws.
   */
  run(count: number, timeoutMs: number): Promise<number> {
    if (count === 0) return Promise.resolve(0);
    const nonces = Array.from({ length: count }, () => `${this.#mine}.${randomUUID()}`);
    return new Promise((resolve) => {
      let timer: TimerHandle | undefined;
      const run: Run = {
        missing: new Set(nonces),
        finish: () => {
          this.#runs.delete(run);
          this.#options.clock.clearTimeout(timer);
          resolve(count - run.missing.size);
        },
      };
      for (const nonce of nonces) {
        const address = `probe-${nonce}@${this.#options.jid}`;
        this.#options.send(
          el(
            "message",
            { type: "headline", id: nonce, from: address, to: address },
            el("probe", { xmlns: probeNamespace }),
          ),
        );
      }
      timer = this.#options.clock.setTimeout(run.finish, timeoutMs);
      this.#runs.add(run);
    });
  }

  /**
   * Takes a probe: "own" is ours, "foreign" was sent by another process that speaks as this component.
   * Undefined: no probe. Nobody outside can forge one, the server vouches for the sender's domain.
   */
  handle(stanza: Element): "own" | "foreign" | undefined {
    if (stanza.name !== "message" || !child(stanza, "probe", probeNamespace)) return undefined;
    if (parseJid(attr(stanza, "from") ?? "")?.domain !== this.#jid) return undefined;
    const nonce = attr(stanza, "id") ?? "";
    for (const run of this.#runs) {
      if (!run.missing.has(nonce)) continue;
      // Returned as an error: the server does not route to us, so it does not count as arrived.
      if (attr(stanza, "type") !== "error") run.missing.delete(nonce);
      if (run.missing.size === 0) run.finish();
    }
    return nonce.startsWith(this.#mine) ? "own" : "foreign";
  }

  /** The stream is gone: ends every run with what has arrived. */
  reset(): void {
    for (const run of this.#runs) run.finish();
  }
}
