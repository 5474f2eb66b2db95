// The outgoing worker on a store in memory, a test clock, and networks that do what the test says.
import type { LiveSession, OutgoingMessage } from "#bridge";
import { noFaults } from "../../src/gateway/faults.ts";
import { Lanes } from "../../src/gateway/lanes.ts";
import { OutgoingWorker } from "../../src/gateway/outgoing.ts";
import type { IncomingRow } from "../../src/gateway/lane-ports.ts";
import type { Store } from "../../src/gateway/ports.ts";
import { createTestClock, type TestClock } from "../kit/clock.ts";
import { openTestStore, seedAccounts, waitingIn } from "../store/open-store.ts";
import { createLog, noRooms } from "./setup.ts";

export const minute = 60_000;
export const day = 86_400_000;

interface Far {
  /** What the network took, in order. */
  readonly taken: OutgoingMessage[];
  readonly prepared: unknown[];
  session: LiveSession;
}

/** A network that does what `onSend` says and remembers what it took. */
export function far(onSend: (message: OutgoingMessage) => void | Promise<void> = () => {}, more: object = {}): Far {
  const taken: OutgoingMessage[] = [];
  const prepared: unknown[] = [];
  return {
    taken,
    prepared,
    session: {
      async send(message, frozen) {
        prepared.push(frozen);
        await onSend(message);
        taken.push(message);
        return { id: `remote-${message.text}` };
      },
      close: async () => {},
      ...more,
    },
  };
}

export async function setUpOutgoing(
  options: { store?: Store; clock?: TestClock; threads?: boolean; perAccount?: number } = {},
) {
  const clock = options.clock ?? createTestClock();
  const store = options.store ?? (await openTestStore({ clock }));
  if (options.store === undefined) await seedAccounts(store, 3);
  const log = createLog();
  const sessions = new Map<number, LiveSession>();
  const complaints: string[] = [];
  const answers: IncomingRow[] = [];
  const lanes: Lanes = new Lanes({
    store: store.lanes,
    clock,
    log,
    maxLoaded: 100,
    onReady(lane) {
      if (lane.head.direction === "outgoing") return worker.onReady(lane);
      for (;;) {
        const answer = lanes.take(lane);
        if (answer === undefined) return;
        answers.push(answer as IncomingRow);
        lanes.finished(lane);
      }
    },
  });
  const worker = new OutgoingWorker({
    lanes,
    store: store.lanes,
    messages: store.messages,
    reactions: store.reactions,
    rooms: noRooms,
    clock,
    log,
    faults: noFaults,
    expiry: 5 * day,
    perAccount: options.perAccount ?? 4,
    accounts: {
      sessionOf: (account) => sessions.get(account),
      sessionFor: ({ account }) => sessions.get(account),
      wantsThreads: () => options.threads ?? false,
      loginRequired(account, detail) {
        sessions.delete(account);
        complaints.push(detail);
      },
    },
  });
  store.lanes.onRows((rows) => lanes.add(rows));
  await lanes.start();
  return {
    clock,
    store,
    log,
    lanes,
    worker,
    complaints,
    answers,
    sessions,
    online(account: number, session: LiveSession) {
      sessions.set(account, session);
      worker.resume(account);
    },
    waiting: () => waitingIn(store, "outgoing"),
  };
}
