// The worker: hostile bytes are parsed here, where a time-out can end it. One task at a time, in order.
import { parentPort } from "node:worker_threads";
import type { Incoming, Json, StoredFile } from "#bridge";
import { fullText, type MailAbout, type MailLimits, mailToEvents } from "./mime-to-message.ts";
import { fileAt } from "./text/files.ts";

export type MimeTask =
  | {
      readonly kind: "open";
      readonly raw: Uint8Array;
      readonly about: MailAbout;
      readonly self: string;
      readonly limits: MailLimits;
    }
  | { readonly kind: "full"; readonly raw: Uint8Array }
  | { readonly kind: "file"; readonly raw: Uint8Array; readonly source: Json };

export type MimeAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "open"; readonly events: Incoming[] }
  | { readonly kind: "full"; readonly text: string }
  | { readonly kind: "file"; readonly file: StoredFile | undefined }
  | { readonly kind: "error"; readonly message: string };

const port = parentPort;
if (port === null) throw new Error("mime-worker runs as a worker thread only");

async function work(task: MimeTask): Promise<MimeAnswer> {
  try {
    switch (task.kind) {
      case "full":
        return { kind: "full", text: await fullText(task.raw) };
      case "file":
        return { kind: "file", file: await fileAt(task.raw, task.source) };
      case "open":
        return { kind: "open", events: await mailToEvents(task.raw, task.about, task.self, task.limits) };
      default:
        return task satisfies never;
    }
  } catch (error) {
    return { kind: "error", message: error instanceof Error ? error.message : String(error) };
  }
}

port.on("message", (task: MimeTask) => {
  void work(task).then((answer) => port.postMessage(answer));
});
port.postMessage({ kind: "ready" } satisfies MimeAnswer);
