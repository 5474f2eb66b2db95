// What reads sync answers (bridges/matrix/incoming.ts), with no network behind it.
import { createApi } from "../../bridges/matrix/api.ts";
import { Encryption } from "../../bridges/matrix/encryption.ts";
import { type Reader, readSync } from "../../bridges/matrix/incoming.ts";
import type { JsonObject } from "../../bridges/matrix/json.ts";
import { Recipients } from "../../bridges/matrix/recipients.ts";
import { Rooms } from "../../bridges/matrix/rooms.ts";
import { SentEvents } from "../../bridges/matrix/sent-events.ts";
import { Unreadable } from "../../bridges/matrix/unreadable.ts";
import type { Incoming } from "../../src/bridge/index.ts";
import { MemoryRecords } from "../../src/bridge/harness.ts";

export const self = "@alice:example.org";
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** What it tells goes to `told`. */
export async function readerOf(told: Incoming[]): Promise<Reader & { records: MemoryRecords }> {
  const records = new MemoryRecords();
  const api = createApi({
    baseUrl: "https://hs.example.org",
    // Gaps are filled with an answer that says nothing.
    fetch: () => Promise.resolve(new Response("{}")),
    signal: new AbortController().signal,
  });
  const recipients = new Recipients(api);
  return {
    records,
    rooms: await Rooms.load(self, records),
    self,
    api,
    encryption: new Encryption({
      credentials: { kind: "token", userId: self, deviceId: "" },
      records,
      request: () => Promise.reject(new Error("no network here")),
      recipients,
      onKeys: () => {},
      onVerification: () => {},
      log,
      signal: new AbortController().signal,
    }),
    recipients,
    unreadable: await Unreadable.load(records),
    sent: new SentEvents(),
    typing: new Map(),
    history: new Set(),
    notice: () => {},
    hint: () => {},
    log,
    gapEnd: "s1",
    emit: (events) => {
      told.push(...events);
      return Promise.resolve();
    },
  };
}

/** One answer, read and committed. */
export async function read(
  reader: Reader & { records: MemoryRecords },
  answer: JsonObject,
  since: string | undefined,
): ReturnType<typeof readSync> {
  const reading = await readSync(answer, since, reader);
  await reader.records.save(reading.draft.records());
  reading.draft.commit();
  return reading;
}
