// The parts of @xmpp/component-core 0.13.1 that stream.ts stands on; the package has no types of its own.
declare module "@xmpp/component-core" {
  import type { EventEmitter } from "node:events";
  import type { Socket } from "node:net";
  import type { Element } from "ltx";

  export class Component extends EventEmitter {
    constructor(options: { service: string; domain: string });
    socket: Socket | null;
    /** The stream's root element: gives stanzas their namespace. */
    root: Element | null;
    Socket: new () => Socket;
    /** Listens to the socket: `_onData`, and the events "connect", "disconnect" (after close) and "error". */
    _attachSocket(socket: Socket): void;
    _onData(data: string | Buffer): void;
    headerElement(): Element;
    header(element: Element): string;
    footer(): string;
  }
}
