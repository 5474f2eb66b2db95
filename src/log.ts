// Structured logs. What may leave is named here; all else is left out (S-04, S-06): an allow-list cannot forget a secret.
import { createHmac, randomBytes } from "node:crypto";
import type { Logger } from "#bridge";
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { errorFields } from "./log/error-fields.ts";
import { cleanText, withoutAddresses } from "./log/text.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** The contract's logger, and a way to add fields to everything a part of the gateway says. */
export interface GatewayLogger extends Logger {
  child(fields: object): GatewayLogger;
}

// Text fields that say what happened or where in the gateway. Addresses inside them are masked above debug.
const textFields = new Set(
  (
    "bridge component domain server host path file listener mode kind type state level condition code command reason " +
    "detail name version xep namespace mailbox protocol direction signal event source method status result table phase title error key account"
  ).split(" "),
);

// Fields that identify a person or a message. Above debug they become pseudonyms: the same one for the same value
// while the process runs, so that lines can be told to belong together.
const identityFields = new Set("user jid from to self peer contact address id target sender".split(" "));

/** Logs JSON lines to `destination`, standard output unless given. */
export function createLogger(options: { level: LogLevel; destination?: DestinationStream }): GatewayLogger {
  const settings = {
    level: options.level,
    base: null,
    // pino would run its own over `err`; ours has done the work.
    serializers: { err: (value: unknown) => value },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const root = options.destination === undefined ? pino(settings) : pino(settings, options.destination);
  const salt = randomBytes(16);
  const pseudonym = (text: string) => `~${createHmac("sha256", salt).update(text).digest("hex").slice(0, 10)}`;
  return wrap(root, { pseudonym, verbose: options.level === "debug" }, {});
}

interface Rules {
  readonly pseudonym: (text: string) => string;
  /** The operator asked for debug: stacks are shown. */
  readonly verbose: boolean;
}

function wrap(logger: PinoLogger, rules: Rules, inherited: object): GatewayLogger {
  const line = (level: LogLevel) => (fields: object, message: string) => {
    if (!logger.isLevelEnabled(level)) return;
    const masked = level !== "debug";
    logger[level](
      allowed({ ...inherited, ...fields }, rules, masked),
      masked ? withoutAddresses(message) : cleanText(message),
    );
  };
  return {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    child: (fields) => wrap(logger, rules, { ...inherited, ...fields }),
  };
}

/** The fields that may be logged; `leftOut` names the others, so that their absence is seen. */
function allowed(fields: object, rules: Rules, masked: boolean): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const leftOut: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const logged = loggable(name, value, rules, masked);
    if (logged !== undefined) result[name] = logged;
    else if (value !== undefined) leftOut.push(cleanText(name));
  }
  return leftOut.length === 0 ? result : { ...result, leftOut };
}

function loggable(name: string, value: unknown, rules: Rules, masked: boolean): unknown {
  if (value instanceof Error) return errorFields(value, { stack: rules.verbose, masked });
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "bigint") return String(value);
  if (identityFields.has(name)) return identity(value, rules, masked);
  if (!textFields.has(name)) return undefined;
  const show = masked ? withoutAddresses : cleanText;
  if (typeof value === "string") return show(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.slice(0, 20).map(show);
  return undefined;
}

function identity(value: unknown, rules: Rules, masked: boolean): unknown {
  if (typeof value === "string") return masked ? rules.pseudonym(value) : cleanText(value);
  // A Peer: { kind, id }.
  if (typeof value !== "object" || value === null || !("id" in value) || typeof value.id !== "string") return undefined;
  const kind = "kind" in value && value.kind === "room" ? "room" : "contact";
  return `${kind} ${masked ? rules.pseudonym(value.id) : cleanText(value.id)}`;
}
