import { describe, expect, it } from "vitest";
import { BridgeError } from "#bridge";
import { imapError, smtpError } from "../../../bridges/email/errors.ts";

/** An error as nodemailer makes it. */
function reply(response: string, code = "EENVELOPE", command = "RCPT TO"): Error {
  return Object.assign(new Error(`failed: ${response}`), {
    code,
    command,
    response,
    responseCode: Number(response.slice(0, 3)),
  });
}

function lost(code: string, message = "Connection closed unexpectedly"): Error {
  return Object.assign(new Error(message), { code, command: "CONN" });
}

const bob = "bob@example.com";

describe("smtpError", () => {
  it.each([
    ["550 5.1.1 No such user", "reject", "item-not-found", "There is no mailbox bob@example.com (550 5.1.1)."],
    ["550 5.1.6 Moved", "reject", "item-not-found", "There is no mailbox bob@example.com (550 5.1.6)."],
    ["550 unknown", "reject", "item-not-found", "There is no mailbox bob@example.com (550)."],
    [
      "550 5.1.2 Bad domain",
      "reject",
      "remote-server-not-found",
      'The domain of bob@example.com takes no mail (550 5.1.2): "Bad domain".',
    ],
    [
      "550 5.4.4 No route",
      "reject",
      "remote-server-not-found",
      'The domain of bob@example.com takes no mail (550 5.4.4): "No route".',
    ],
    [
      "552 5.2.2 Over quota",
      "reject",
      "resource-constraint",
      'The mailbox of bob@example.com is full (552 5.2.2): "Over quota".',
    ],
    [
      "452 4.2.2 Over quota",
      "retry",
      "resource-constraint",
      'The mail server asks to try again later (452 4.2.2): "Over quota".',
    ],
    [
      "552 5.2.3 Too long",
      "reject",
      "policy-violation",
      'The message is too big for bob@example.com (552 5.2.3): "Too long".',
    ],
    [
      "552 5.3.4 Too big",
      "reject",
      "policy-violation",
      'The message is too big for bob@example.com (552 5.3.4): "Too big".',
    ],
    [
      "554 5.7.1 Spam",
      "reject",
      "forbidden",
      'The mail server does not let this message through to bob@example.com (554 5.7.1): "Spam".',
    ],
    [
      "550-5.1.1 No\r\n550 5.1.1 such user",
      "reject",
      "item-not-found",
      "There is no mailbox bob@example.com (550 5.1.1).",
    ],
    [
      "451 4.4.1 Later",
      "retry",
      "remote-server-timeout",
      'The mail server asks to try again later (451 4.4.1): "Later".',
    ],
    ["421 Closing", "retry", "remote-server-timeout", 'The mail server asks to try again later (421): "Closing".'],
    [
      "554 5.0.0 No",
      "reject",
      "not-acceptable",
      'The mail server refused the message to bob@example.com (554 5.0.0): "No".',
    ],
  ])("tells what %j means", (response, kind, condition, sentence) => {
    const cause = reply(response);
    const error = smtpError(cause, bob);
    expect([error.kind, error.condition, error.message]).toEqual([kind, condition, sentence]);
    expect(error.cause).toBe(cause);
    expect(error.uncertain).toBe(false);
  });

  it("asks to sign in again when the login is refused for good", () => {
    expect(smtpError(reply("535 5.7.8 Bad credentials", "EAUTH", "AUTH PLAIN"), bob).kind).toBe("login-required");
    expect(smtpError(reply("530 5.7.0 Authentication required", "EENVELOPE", "MAIL FROM"), bob).kind).toBe(
      "login-required",
    );
  });

  it("tries again when the login fails for a while", () => {
    expect(smtpError(reply("454 4.7.0 Temporary authentication failure", "EAUTH", "AUTH PLAIN"), bob).kind).toBe(
      "retry",
    );
  });

  it("does not show the server's markup or controls", () => {
    expect(smtpError(reply('554 5.7.1 \u202e"bad"\u0008\r\n554 5.7.1 words'), bob).message).toBe(
      "The mail server does not let this message through to bob@example.com (554 5.7.1): \"'bad' words\".",
    );
  });

  it("waits a quarter of an hour when the answer to the data was lost", () => {
    const error = smtpError(lost("ECONNECTION"), bob, { dataSent: true });
    expect([error.kind, error.uncertain, error.retryAfter]).toEqual(["retry", true, 900_000]);
  });

  it("takes a broken connection for uncertain when nobody knows how far it was", () => {
    expect(smtpError(lost("ETIMEDOUT", "Timeout"), bob).uncertain).toBe(true);
    expect(smtpError(lost("ESOCKET", "read ECONNRESET"), bob).uncertain).toBe(true);
  });

  it.each([
    [lost("ESOCKET", "connect ECONNREFUSED 127.0.0.1:25")],
    [lost("EDNS", "getaddrinfo ENOTFOUND smtp.example.com")],
    [lost("ETIMEDOUT", "Connection timeout")],
    [lost("ETIMEDOUT", "Greeting never received")],
  ])("is certain that nothing was sent: %s", (cause) => {
    const error = smtpError(cause, bob);
    expect([error.kind, error.uncertain, error.retryAfter]).toEqual(["retry", false, undefined]);
  });

  it("is certain when told that the data was not sent", () => {
    expect(smtpError(lost("ECONNECTION"), bob, { dataSent: false }).uncertain).toBe(false);
  });

  it("leaves a BridgeError as it is, and takes anything else that is thrown", () => {
    const own = new BridgeError("reject", "No.");
    expect(smtpError(own, bob)).toBe(own);
    expect(smtpError(undefined, bob).kind).toBe("retry");
    expect(smtpError("text", bob).kind).toBe("retry");
  });
});

describe("imapError", () => {
  it("asks to sign in again when the login is refused", () => {
    const error = Object.assign(new Error("Command failed"), {
      authenticationFailed: true,
      serverResponseCode: "AUTHENTICATIONFAILED",
    });
    expect(imapError(error).kind).toBe("login-required");
  });

  it("tries again when the server cannot check the login now", () => {
    const error = Object.assign(new Error("Command failed"), {
      authenticationFailed: true,
      serverResponseCode: "UNAVAILABLE",
    });
    expect(imapError(error).kind).toBe("retry");
  });

  it("slows down when asked to, and retries whatever else happens", () => {
    expect(imapError(Object.assign(new Error("slow"), { code: "ETHROTTLE" })).retryAfter).toBe(60_000);
    expect(imapError(Object.assign(new Error("gone"), { code: "NoConnection" })).message).toBe(
      "The mail server cannot be reached.",
    );
    expect(imapError(null).kind).toBe("retry");
  });
});
