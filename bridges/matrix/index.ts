// The Matrix bridge: direct chats and rooms of a Matrix account of the user's own.
import { type Bridge, BridgeError } from "#bridge";
import { contacts, rooms } from "./addressing.ts";
import { type MatrixCredentials, parseCredentials } from "./credentials.ts";
import { type MatrixOptions, matrixOptions } from "./options.ts";
import type { SyncTimes } from "./sync.ts";
import { type MatrixVerb, matrixVerbs } from "./verbs.ts";

/** What tests put in place of the world. */
export interface MatrixDeps {
  readonly times?: Partial<SyncTimes>;
}

export type MatrixBridge = Bridge<MatrixOptions, MatrixCredentials, MatrixVerb>;

export function createMatrixBridge(deps: MatrixDeps = {}): MatrixBridge {
  return {
    apiVersion: 1,
    name: "matrix",
    identity: { type: "matrix", title: "Matrix", addressPrompt: "Enter a Matrix address, such as @name:example.org" },
    verbs: matrixVerbs,
    threads: true,
    files: true,
    options: matrixOptions,
    contacts,
    rooms,
    async *login(context) {
      const { login } = await import("./login.ts");
      return yield* login(context);
    },
    operatorCommands: [
      {
        word: "registration",
        title: "print the registration of the application service, the file that the homeserver wants",
        async run(context) {
          const { printRegistration } = await import("./appservice/registration-command.ts");
          return printRegistration(context);
        },
      },
    ],
    accountMode: (options) => options.accounts.enabled,
    async serve(host) {
      const { domain } = host.options;
      if (domain === undefined) return undefined;
      const { startService } = await import("./appservice/service.ts");
      return startService(host, domain);
    },
    async connect(account, host) {
      // What the core stored is what login returned; a credential of an older version asks for a new sign-in.
      const credentials = parseCredentials(account.credentials);
      if (credentials === undefined)
        throw new BridgeError("login-required", "This Matrix account has to sign in again.");
      const { startAccountSession } = await import("./session.ts");
      return startAccountSession({ credentials, options: account.options, times: deps.times ?? {} }, host);
    },
  };
}

/** The bridge as the gateway loads it. */
export const matrix: MatrixBridge = createMatrixBridge();
