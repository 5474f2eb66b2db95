// What users can tell the gateway about encryption: "recover", "verify", "encryption". The recovery key is used once and
// kept nowhere.
import { type Answers, BridgeError, pause, type Prompt, type SessionCommand } from "#bridge";
import type { SasEmoji, Verification } from "./crypto/verification.ts";
import type { Encryption } from "./encryption.ts";
import { displayName } from "./room-state.ts";
import type { Rooms } from "./rooms.ts";
import { cleanLabel } from "./text/characters.ts";
import type { Unreadable } from "./unreadable.ts";

export interface EncryptionCommandsDeps {
  readonly self: string;
  readonly encryption: Encryption;
  readonly rooms: Rooms;
  readonly unreadable: Unreadable;
  /** A line from the gateway to the user. Must not reject. */
  readonly notice: (text: string) => void;
  readonly signal: AbortSignal;
}

type Dialogue = AsyncGenerator<Prompt, string, Answers>;

/** Slips of the pen; nobody guesses 256 bits. */
const mostTries = 3;
/** How long an answer waits for the other device before the user is asked again (ms): clients wait about 30 s. */
const devicePatience = 20_000;
/** The specification's limit for a request that nobody takes up (ms). */
const requestLifetime = 600_000;
/** Requests come from the user's own devices, or from a homeserver that makes them up: one line in this time (ms). */
const noticePause = 60_000;
const mostListed = 50;

export class EncryptionCommands {
  readonly #deps: EncryptionCommandsDeps;
  /** The newest request of another device. */
  #asked: { readonly verification: Verification; readonly at: number } | undefined;

  constructor(deps: EncryptionCommandsDeps) {
    this.#deps = deps;
  }

  get list(): readonly SessionCommand[] {
    const encryption: SessionCommand = {
      word: "encryption",
      title: "Which chats are encrypted, and who can read them",
      usage: "",
      run: () => this.#encryption(),
    };
    if (this.#deps.encryption.unavailable !== undefined) return [encryption];
    return [
      encryption,
      {
        word: "recover",
        title: "Read older encrypted messages with your recovery key",
        usage: "",
        run: () => this.#recover(),
      },
      {
        word: "verify",
        title: "Vouch for the gateway from another device of yours, by comparing emoji",
        usage: "",
        run: () => this.#verify(),
      },
    ];
  }

  /** Another device of the user wants to compare emoji. */
  onVerification(verification: Verification): void {
    const before = this.#asked?.at ?? 0;
    this.#asked = { verification, at: Date.now() };
    if (Date.now() - before < noticePause) return;
    const device = cleanLabel(verification.deviceId ?? "", 50);
    this.#deps.notice(
      `Another device of ${this.#deps.self} (${device}) asks to compare emoji with this gateway. If that is you, write "verify".`,
    );
  }

  async *#recover(): Dialogue {
    let error: string | undefined;
    for (let tries = 0; tries < mostTries; tries++) {
      const answers = yield {
        title: "Recovery key",
        instructions:
          "The recovery key (or security key) of your Matrix account, twelve groups of four letters and digits. It is used once and not kept.",
        fields: [{ name: "key", label: "Recovery key", kind: "secret", required: true }],
        ...(error === undefined ? {} : { error }),
      };
      try {
        return await this.#recoverWith(answers["key"] ?? "");
      } catch (cause) {
        const isSlip = cause instanceof BridgeError && ["bad-request", "not-authorized"].includes(cause.condition);
        if (!isSlip || cause.kind !== "reject") throw cause;
        error = cause.message;
      }
    }
    throw new BridgeError("reject", error ?? "That did not work.", { condition: "not-authorized" });
  }

  async #recoverWith(key: string): Promise<string> {
    const { backup, sessions } = await this.#deps.encryption.recover(key);
    const waiting = this.#deps.unreadable.size;
    const lines = ["This gateway is verified now."];
    lines.push(
      backup
        ? `Your key backup is open: ${count(sessions, "session")} can be read now, and new keys are put there.`
        : "Your account has no key backup, so messages from before stay unreadable here.",
    );
    if (backup && waiting > 0)
      lines.push(`${count(waiting, "message")} that could not be read will be corrected as the keys come.`);
    return lines.join(" ");
  }

  async *#verify(): Dialogue {
    const verification = await this.#begin();
    try {
      const emoji = yield* this.#compare(verification);
      const answers = yield {
        title: "Do both show the same emoji?",
        instructions: emoji.map(({ symbol, name }) => `${symbol} ${name}`).join(", "),
        fields: [
          {
            name: "same",
            label: "The same, in the same order?",
            kind: "choice",
            required: true,
            choices: [
              { value: "yes", label: "Yes" },
              { value: "no", label: "No" },
            ],
          },
        ],
      };
      if (answers["same"]?.trim().toLowerCase() !== "yes") {
        await verification.cancel();
        return "Not verified. If the emoji were different, somebody may be in between: do not go on from there.";
      }
      await verification.confirm();
      return "Verified: your other devices trust this gateway now.";
    } finally {
      // After the end this does nothing; before it, the other device need not wait.
      verification.cancel().catch(() => {});
    }
  }

  async #begin(): Promise<Verification> {
    const asked = this.#asked;
    this.#asked = undefined;
    if (asked !== undefined && Date.now() - asked.at < requestLifetime) return asked.verification;
    return this.#deps.encryption.verify();
  }

  /** The emoji, when the other device has taken part. */
  async *#compare(verification: Verification): AsyncGenerator<Prompt, readonly SasEmoji[], Answers> {
    const emoji = verification.emoji();
    emoji.catch(() => {}); // awaited below, perhaps later
    let shown = await this.#soon(emoji, verification.incoming ? devicePatience : 0);
    for (let error: string | undefined; shown === undefined; shown = await this.#soon(emoji, devicePatience)) {
      yield {
        title: "Accept on your other device",
        instructions: "Your other Matrix devices show a request to verify this gateway: accept it on one of them.",
        fields: [{ name: "go", label: 'Write "ok" when you have', kind: "text", required: false, value: "ok" }],
        ...(error === undefined ? {} : { error }),
      };
      error = "No device has accepted it yet.";
    }
    return shown;
  }

  async #soon<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
    const over = new AbortController();
    const late = pause(ms, AbortSignal.any([this.#deps.signal, over.signal])).then(() => undefined);
    try {
      return await Promise.race([work, late]);
    } finally {
      over.abort();
    }
  }

  async *#encryption(): Dialogue {
    const { self, encryption, unreadable } = this.#deps;
    const lines = [`Encryption of ${self}:`];
    if (encryption.unavailable !== undefined) lines.push(encryption.unavailable);
    else if (await encryption.isInUse()) lines.push(...(await this.#trust()));
    const rooms = this.#encryptedRooms();
    const named = rooms.slice(0, mostListed).join(", ");
    const more = rooms.length > mostListed ? `, and ${rooms.length - mostListed} more` : "";
    lines.push(rooms.length === 0 ? "None of your chats is encrypted." : `Encrypted chats: ${named}${more}.`);
    if (unreadable.size > 0) lines.push(`Waiting for their keys: ${count(unreadable.size, "message")}.`);
    return lines.join("\n");
  }

  async #trust(): Promise<string[]> {
    const { verified, crossSigning, backup } = await this.#deps.encryption.trust();
    const advice = crossSigning
      ? 'write "verify" or "recover", otherwise others may hide its messages or send it no keys.'
      : "your account has no cross-signing yet; set it up in another Matrix client.";
    return [
      "Messages of encrypted chats are encrypted and decrypted on this gateway: whoever runs it could read them.",
      verified ? "This gateway is verified by your account." : `This gateway is not verified: ${advice}`,
      backup ? "Key backup is on." : "Key backup is off here: messages from before the gateway came stay unreadable.",
    ];
  }

  #encryptedRooms(): string[] {
    const { rooms } = this.#deps;
    const found = [...rooms.all()].filter((room) => room.encrypted && room.self === "join" && !room.space);
    return found.map((room) => cleanLabel(rooms.partnerOf(room.id) ?? displayName(room) ?? room.id, 100));
  }
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
