/**
 * Named points at every commit, acknowledgement and I/O boundary. The crash tests kill the process there; in production
 * nothing listens.
 */
export type FaultPoint =
  | "commit:before"
  | "commit:after"
  | "commit:synced"
  | "outgoing:accepted"
  | "outgoing:prepared"
  | "outgoing:sent"
  | "outgoing:settled"
  | "incoming:offered"
  | "incoming:committed"
  | "intake:opened"
  | "incoming:written"
  | "incoming:taken"
  | "incoming:settled"
  | "groupchat:written"
  | "groupchat:shown"
  | "groupchat:heard"
  | "groupchat:stored";

export interface Faults {
  at(point: FaultPoint): void;
}

export const noFaults: Faults = { at: () => {} };
