// What the user gets in place of a mail that the server cannot or will not hand over: a mail of our own, so that it
// takes the same way as any other and nothing vanishes in silence.

export interface UnreadableMail {
  readonly uid: number;
  readonly uidValidity: string;
  readonly size: number;
  readonly internalDate: number;
}

/** A complete mail to the user, in the name of the account's mail domain, the same bytes every time. */
export function unreadableNotice(self: string, mail: UnreadableMail): Buffer {
  const lines = [
    `From: Mail notice <mailer-daemon@${self.slice(self.lastIndexOf("@") + 1)}>`,
    `To: <${self}>`,
    "Subject: A mail could not be read",
    `Date: ${new Date(mail.internalDate).toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <unreadable.${mail.uidValidity}.${mail.uid}@viaduct.invalid>`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    `Your mail server could not hand over a mail of ${mail.size} bytes (number ${mail.uid}).`,
    "It is still in your inbox: please read it there.",
    "",
  ];
  return Buffer.from(lines.join("\r\n"));
}
