// `viaduct matrix registration`: the file for the homeserver, with the tokens that the gateway will use.
import type { OperatorContext } from "#bridge";
import type { MatrixOptions } from "../options.ts";
import { registrationYaml, serviceUrl } from "./registration.ts";
import { openTokens } from "./tokens.ts";

/** Tokens that the configuration does not name are made now, and stored. @throws with a sentence for the operator */
export async function printRegistration(context: OperatorContext<MatrixOptions>): Promise<string> {
  const { domain } = context.options;
  if (domain === undefined)
    throw new Error("domain mode is not configured: set bridges.matrix.domain, then there is something to register");
  const url = serviceUrl(domain, context.mounted);
  return registrationYaml(domain, await openTokens(domain, context.records), url);
}
