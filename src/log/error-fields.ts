// What of an error may be logged (S-06): mail and HTTP libraries hang credentials, requests and whole responses on theirs.
import { cleanText, withoutAddresses } from "./text.ts";

export interface ErrorFields {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly kind?: string;
  readonly condition?: string;
  readonly stack?: string;
  readonly cause?: ErrorFields;
}

// A chain of causes may be a circle.
const deepestCause = 4;
const longestStack = 4000;

/** Name, message, code, a BridgeError's kind and condition, the cause; the stack only when asked for. */
export function errorFields(error: Error, options: { stack: boolean; masked: boolean }, depth = 0): ErrorFields {
  const show = options.masked ? withoutAddresses : cleanText;
  const code = property(error, "code");
  const kind = property(error, "kind");
  const condition = property(error, "condition");
  const stack = options.stack && typeof error.stack === "string" ? framesOf(error.stack) : undefined;
  return {
    name: cleanText(String(error.name)),
    message: show(String(error.message)),
    ...(typeof code === "number" ? { code } : {}),
    ...(typeof code === "string" ? { code: show(code) } : {}),
    ...(typeof kind === "string" ? { kind: show(kind) } : {}),
    ...(typeof condition === "string" ? { condition: show(condition) } : {}),
    ...(stack === undefined ? {} : { stack }),
    ...(error.cause instanceof Error && depth < deepestCause
      ? { cause: errorFields(error.cause, options, depth + 1) }
      : {}),
  };
}

function property(error: Error, name: string): unknown {
  return Object.hasOwn(error, name) ? Reflect.get(error, name) : undefined;
}

/** Only the places: the first lines repeat the message. */
function framesOf(stack: string): string {
  const frames = stack.split("\n").filter((line) => line.trimStart().startsWith("at "));
  return frames.map(cleanText).join("\n").slice(0, longestStack);
}
