// GET /health: whether the gateway can do its work, for a supervisor. No address and no user in it (security.md H12).
import type { Clock } from "../gateway/ports.ts";

/** What is asked for each answer. */
export interface HealthChecks {
  /** By bridge: whether its stream to the XMPP server is up. */
  links(): Readonly<Record<string, boolean>>;
  /** Rejects when the database does not answer. Resolves with what waits in it. */
  store(): Promise<{ readonly outgoing: number; readonly incoming: number; readonly intake: number }>;
}

/** An answer is given again for this long: asking often must not cost the database anything. Milliseconds. */
const freshness = 1_000;
const patience = 5_000;

/** 200 when all links are up and the database answers, else 503. */
export function createHealth(checks: HealthChecks, clock: Clock): () => Promise<Response> {
  let last: { readonly at: number; readonly report: Promise<Report> } | undefined;
  return async () => {
    const now = clock.now();
    if (last === undefined || now < last.at || now - last.at >= freshness) last = { at: now, report: look() };
    const { ok, ...report } = await last.report;
    return Response.json({ status: ok ? "ok" : "trouble", ...report }, { status: ok ? 200 : 503 });
  };

  async function look(): Promise<Report> {
    const links = checks.links();
    const waiting = await within(checks.store());
    const ok = waiting !== undefined && Object.values(links).every(Boolean);
    const state = (up: boolean) => (up ? "up" : "down");
    return {
      ok,
      links: Object.fromEntries(Object.entries(links).map(([bridge, up]) => [bridge, state(up)])),
      store: state(waiting !== undefined),
      ...(waiting === undefined ? {} : { waiting }),
    };
  }

  /** Undefined when it fails or takes too long. */
  function within<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => resolve(undefined), patience);
      work.then(resolve, () => resolve(undefined)).finally(() => clock.clearTimeout(timer));
    });
  }
}

interface Report {
  readonly ok: boolean;
  readonly links: Readonly<Record<string, string>>;
  readonly store: string;
  readonly waiting?: { readonly outgoing: number; readonly incoming: number; readonly intake: number };
}
