// One at a time, by name: rooms of an encryption machine, its claims of keys.

/** Runs work of the same name in the order of the calls; work of different names at once. A failure stops nobody else. */
export function createSerial(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (name, work) => {
    const run = (last.get(name) ?? Promise.resolve()).then(work, work);
    last.set(name, run);
    const forget = () => {
      if (last.get(name) === run) last.delete(name);
    };
    run.then(forget, forget);
    return run;
  };
}
