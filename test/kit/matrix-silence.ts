// matrix-js-sdk logs each of its steps; in a test that is noise.
import { type Logger, logger } from "matrix-js-sdk/lib/logger.js";

const nothing = (): void => {};

/** For the `logger` of a client. */
export const silent: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  getChild: () => silent,
};

// Calls and local echoes are logged past the client's logger, through children of this one. It is one of loglevel's,
// and children take over its factory; the SDK's type does not show that.
Object.assign(logger, { methodFactory: () => nothing });
(logger as unknown as { rebuild(): void }).rebuild();
