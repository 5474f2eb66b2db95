// Worker threads that parse mail. They start with the first mail, end after half a minute without one, and a mail
// that takes too long or too much memory costs its worker, not the gateway (email.md 41, E21).
import { Worker } from "node:worker_threads";
import type { Incoming, Json, StoredFile } from "#bridge";
import type { MimeAnswer, MimeTask } from "./mime-worker.ts";
import type { MailAbout } from "./text/letterhead.ts";
import { defaultMailLimits, type MailLimits, noticeFor } from "./text/notice.ts";

export interface MimePoolOptions {
  /** Workers at most. */
  readonly workers?: number;
  /** Milliseconds a mail may take before its worker is ended; the second time ends the mail. */
  readonly taskMs?: number;
  /** Milliseconds without work after which a worker ends. */
  readonly idleMs?: number;
  /** JavaScript heap of a worker in MB. */
  readonly heapMb?: number;
  readonly limits?: MailLimits;
}

interface Job {
  readonly task: MimeTask;
  /** What to answer when the worker died on this mail. */
  readonly gaveUp: (reason: string) => MimeAnswer;
  readonly resolve: (answer: MimeAnswer) => void;
  readonly reject: (error: Error) => void;
  /** The time that ran out once may have been the machine's (a pause, a load): then a fresh worker tries again. */
  late: boolean;
}

interface Thread {
  readonly worker: Worker;
  job: Job | undefined;
  ready: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** Loading the parser on a busy machine; beyond this the machine, not a mail, is at fault. */
const startMs = 30_000;

const workerFile = new URL(import.meta.url.endsWith(".ts") ? "./mime-worker.ts" : "./mime-worker.js", import.meta.url);

export class MimePool {
  readonly #options: Required<MimePoolOptions>;
  readonly #threads = new Set<Thread>();
  readonly #queue: Job[] = [];
  #closed = false;

  constructor(options: MimePoolOptions = {}) {
    this.#options = { workers: 2, taskMs: 5000, idleMs: 30_000, heapMb: 256, limits: defaultMailLimits, ...options };
  }

  /**
   * Turns a mail into events. Hostile bytes end as a notice, never as a rejection; rejects when no worker can run at
   * all or the pool was closed. `self` is the account's own id. The bytes are copied.
   */
  async open(raw: Uint8Array, about: MailAbout, self: string): Promise<Incoming[]> {
    const gaveUp = (reason: string): MimeAnswer => ({ kind: "open", events: [noticeFor(raw, about, self, reason)] });
    const answer = await this.#run({ kind: "open", raw, about, self, limits: this.#options.limits }, gaveUp);
    if (answer.kind === "open") return answer.events;
    return [noticeFor(raw, about, self, "its form is broken")];
  }

  /** All the text of a mail, or one sentence on why there is none. */
  async full(raw: Uint8Array): Promise<string> {
    const gaveUp = (reason: string): MimeAnswer => ({
      kind: "full",
      text: `[The text could not be read because ${reason}.]`,
    });
    const answer = await this.#run({ kind: "full", raw }, gaveUp);
    return answer.kind === "full" ? answer.text : "[The text could not be read because the mail's form is broken.]";
  }

  /** A file of a mail; undefined when there is none, or none can be read. */
  async file(raw: Uint8Array, source: Json): Promise<StoredFile | undefined> {
    const answer = await this.#run({ kind: "file", raw, source }, () => ({ kind: "file", file: undefined }));
    return answer.kind === "file" ? answer.file : undefined;
  }

  /** How many worker threads run now. */
  get size(): number {
    return this.#threads.size;
  }

  /** Ends the workers. Waiting mails are rejected: they stay with the core. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#queue.splice(0)) job.reject(new Error("the mail parser was closed"));
    const threads = [...this.#threads];
    for (const thread of threads) {
      thread.job?.reject(new Error("the mail parser was closed"));
      thread.job = undefined;
      this.#drop(thread);
    }
    await Promise.all(threads.map((thread) => thread.worker.terminate()));
  }

  #run(task: MimeTask, gaveUp: Job["gaveUp"]): Promise<MimeAnswer> {
    if (this.#closed) return Promise.reject(new Error("the mail parser was closed"));
    return new Promise((resolve, reject) => {
      this.#queue.push({ task, gaveUp, resolve, reject, late: false });
      this.#pump();
    });
  }

  #pump(): void {
    for (const thread of this.#threads) {
      if (!thread.ready || thread.job !== undefined) continue;
      const job = this.#queue.shift();
      if (job === undefined) return;
      this.#start(thread, job);
    }
    const starting = [...this.#threads].filter((thread) => !thread.ready).length;
    // A second thread costs 20 MB and is worth it only when mails wait.
    const wanted = this.#threads.size === 0 ? 1 : Math.ceil(this.#queue.length / 4);
    if (this.#queue.length > 0 && starting < wanted && this.#threads.size < this.#options.workers && !this.#closed)
      this.#spawn();
  }

  #spawn(): void {
    const worker = new Worker(workerFile, {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    });
    const thread: Thread = { worker, job: undefined, ready: false, timer: undefined };
    this.#threads.add(thread);
    this.#setTimer(thread, startMs, () => this.#failed(thread, new Error("the mail parser did not start")));
    worker.on("message", (answer: MimeAnswer) => this.#answered(thread, answer));
    worker.on("error", (error: unknown) =>
      this.#failed(thread, error instanceof Error ? error : new Error(String(error))),
    );
    worker.on("exit", (code) => this.#failed(thread, new Error(`the mail parser ended with code ${code}`)));
  }

  #start(thread: Thread, job: Job): void {
    thread.job = job;
    thread.worker.ref();
    this.#setTimer(thread, this.#options.taskMs, () => this.#tooLate(thread));
    // A copy of its own: a view into a shared pool would take the whole pool along.
    const raw = new Uint8Array(job.task.raw);
    thread.worker.postMessage({ ...job.task, raw }, [raw.buffer]);
  }

  #answered(thread: Thread, answer: MimeAnswer): void {
    if (!this.#threads.has(thread)) return;
    thread.ready = true;
    const job = thread.job;
    thread.job = undefined;
    if (answer.kind !== "ready") job?.resolve(answer);
    this.#setTimer(thread, this.#options.idleMs, () => this.#end(thread));
    // Idle workers do not keep the process alive; the timer is let go of as well.
    thread.timer?.unref();
    if (this.#queue.length === 0) thread.worker.unref();
    this.#pump();
  }

  /** The worker died by itself: out of memory on a mail, or it never came up. */
  #failed(thread: Thread, error: Error): void {
    if (!this.#threads.has(thread)) return;
    if (thread.ready) return this.#kill(thread, "reading it takes too much memory");
    this.#end(thread);
    for (const job of this.#queue.splice(0)) job.reject(error);
  }

  #tooLate(thread: Thread): void {
    const job = thread.job;
    if (job === undefined || job.late) return this.#kill(thread, "reading it takes too long");
    job.late = true;
    thread.job = undefined;
    this.#queue.unshift(job);
    this.#end(thread);
    this.#pump();
  }

  #kill(thread: Thread, reason: string): void {
    const job = thread.job;
    thread.job = undefined;
    this.#end(thread);
    job?.resolve(job.gaveUp(reason));
    this.#pump();
  }

  #end(thread: Thread): void {
    this.#drop(thread);
    // Rejects never; what it resolves to is of no interest.
    void thread.worker.terminate();
  }

  #drop(thread: Thread): void {
    clearTimeout(thread.timer);
    this.#threads.delete(thread);
  }

  #setTimer(thread: Thread, ms: number, run: () => void): void {
    clearTimeout(thread.timer);
    thread.timer = setTimeout(run, ms);
  }
}
