// What the operator can ask of a bridge on the command line: `viaduct BRIDGE WORD -c FILE`.
import type { Records } from "./bridge.ts";

export interface OperatorContext<Options> {
  readonly options: Options;
  /**
   * The service's own, as in ServiceHost. The database is opened at the first use, which rejects while the gateway runs:
   * a command that can do without works then too.
   */
  readonly records: Records;
  /** What ServiceHost.mount will return. */
  readonly mounted: URL | undefined;
}

/** One word of a bridge's own for the operator. The gateway, its links and its sessions do not run meanwhile. */
export interface OperatorCommand<Options> {
  /** Lower-case letters and hyphens. */
  readonly word: string;
  /** For `viaduct BRIDGE --help`: what it does, such as "print the registration". */
  readonly title: string;
  /** Resolves with what is printed, secrets included if that is its purpose. Throws Error with a sentence for the operator. */
  run(context: OperatorContext<Options>): Promise<string>;
}
