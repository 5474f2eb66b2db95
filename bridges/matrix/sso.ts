// Single sign-on as it was before OAuth 2.0 (Client-Server API, "Client login via SSO"): the homeserver lets whoever it trusts
// check the user, and sends the browser back to the page of the sign-in with a token for one login.
import type { Browser, LoginContext } from "#bridge";
import { requestJson, urlOf } from "./api.ts";
import { tokensOf } from "./credentials.ts";
import { type BrowserWay, deviceName } from "./entry.ts";
import { MatrixError } from "./errors.ts";

export function startSso(baseUrl: string, browser: Browser, context: LoginContext<unknown>): BrowserWay {
  return {
    begin() {
      const back = new URL(browser.returnUrl);
      back.searchParams.set("state", browser.newState());
      const path = ["_matrix", "client", "v3", "login", "sso", "redirect"];
      return { url: urlOf(baseUrl, path, { redirectUrl: back.href }), returns: ["loginToken"] };
    },
    async finish({ loginToken }) {
      if (!loginToken) return "The sign-in did not work in the browser.";
      try {
        const answer = await requestJson(context, urlOf(baseUrl, ["_matrix", "client", "v3", "login"]), {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            type: "m.login.token",
            token: loginToken,
            initial_device_display_name: deviceName,
            refresh_token: true,
          }),
        });
        const tokens = tokensOf(answer, Date.now());
        return tokens === undefined ? "The homeserver answered without a token." : { kind: "sso", tokens };
      } catch (error) {
        if (error instanceof MatrixError && error.code === "M_FORBIDDEN") return "The homeserver did not accept that.";
        throw error;
      }
    },
  };
}
