// Files of mails and files for mails, on real servers: what comes is a link, what goes is an attachment.
import { parse } from "ltx";
import PostalMime from "postal-mime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePorts } from "../lab/ports.ts";
import { bodyOf, type Person } from "./person.ts";
import { setStage, type Stage } from "./stage.ts";

const picture = Buffer.from([...Array(60_000).keys()].map((n) => (n * n) % 251));
const sfs = "urn:xmpp:sfs:0";

let stage: Stage;
let alice: Person;
let publicUrl: string;
beforeAll(async () => {
  const [webPort = 0] = await freePorts(1);
  publicUrl = `http://127.0.0.1:${webPort}/`;
  stage = await setStage({
    xmpp: "prosody",
    users: ["alice"],
    domain: true,
    web: { listen: `127.0.0.1:${webPort}`, publicUrl },
    net: { allowPrivateHosts: ["127.0.0.1"] },
  });
  alice = await stage.enter("alice");
  expect(await alice.ask("join")).toBe("Your address is alice@mail.localhost.");
});
afterAll(() => stage?.stop());

const part = (name: string, type: string, content: Buffer) => [
  "--b",
  `Content-Type: ${type}; name="${name}"`,
  `Content-Disposition: attachment; filename="${name}"`,
  "Content-Transfer-Encoding: base64",
  "",
  ...(content.toString("base64").match(/.{1,76}/g) ?? []),
];

/** Links in the order of the stanza's files (XEP-0447). */
const linksIn = (message: ReturnType<typeof parse>): string[] =>
  message
    .getChildren("file-sharing", sfs)
    .map((sharing) => sharing.getChild("sources")?.getChild("url-data")?.attrs["target"] as string);

describe("a mail with files", () => {
  it("has a link for each, which gives the file, whole and in parts, also after a restart", async () => {
    await stage.postRaw("dave@example.test", "alice@mail.localhost", [
      "From: dave@example.test",
      "To: alice@mail.localhost",
      "Subject: papers",
      "MIME-Version: 1.0",
      'Content-Type: multipart/mixed; boundary="b"',
      "",
      "--b",
      "Content-Type: text/plain",
      "",
      "Here they are.",
      ...part("Katze.png", "image/png", picture),
      ...part("page.html", "text/html", Buffer.from("<script>alert(1)</script>")),
      "--b--",
      "",
    ]);
    const message = await alice.hear("dave@example.test");
    const [cat = "", page = ""] = linksIn(message);
    expect(bodyOf(message)).toBe(`Subject: papers\nHere they are.\n${cat}\n${page}`);
    expect(cat).toMatch(new RegExp(`^${publicUrl}files/.*/Katze\\.png$`));
    const file = message.getChild("file-sharing", sfs)?.getChild("file");
    expect(["name", "media-type", "size"].map((name) => file?.getChildText(name))).toEqual([
      "Katze.png",
      "image/png",
      "60000",
    ]);

    const got = await fetch(cat);
    expect([got.status, got.headers.get("content-type")]).toEqual([200, "image/png"]);
    expect(Buffer.from(await got.arrayBuffer()).equals(picture)).toBe(true);
    const shown = await fetch(page);
    expect(shown.headers.get("content-disposition")).toMatch(/^attachment/);
    await shown.body?.cancel();

    await stage.stopGateway();
    await stage.startGateway();
    const some = await fetch(cat, { headers: { range: "bytes=100-199" } });
    expect(some.status).toBe(206);
    expect(Buffer.from(await some.arrayBuffer()).equals(picture.subarray(100, 200))).toBe(true);
  });
});

describe("a file that she sends", () => {
  /** As clients do it (XEP-0363): a slot of the server's, then an upload. */
  const upload = async (content: Buffer, name: string): Promise<string> => {
    const answer = await alice.request(
      `<iq type='get' to='upload.localhost'><request xmlns='urn:xmpp:http:upload:0' filename='${name}' size='${content.length}' content-type='image/png'/></iq>`,
    );
    const slot = answer.getChild("slot");
    const put = slot?.getChild("put");
    const headers = Object.fromEntries(
      (put?.getChildren("header") ?? []).map((one) => [String(one.attrs["name"]), one.getText()]),
    );
    const done = await fetch(String(put?.attrs["url"]), {
      method: "PUT",
      headers: { ...headers, "content-type": "image/png" },
      body: new Uint8Array(content),
    });
    expect(done.status).toBe(201);
    return String(slot?.getChild("get")?.attrs["url"]);
  };
  const share = (url: string): string =>
    alice.write("bob@example.test", url, { extra: `<x xmlns='jabber:x:oob'><url>${url}</url></x>` });

  it("is attached to the mail", async () => {
    const url = await upload(picture, "cat.png");
    share(url);
    const mail = await stage.mailWith("bob@example.test", "");
    const { attachments, text, subject } = await PostalMime.parse(mail.raw);
    expect(attachments).toMatchObject([{ filename: "cat.png", mimeType: "image/png" }]);
    expect(Buffer.from(attachments[0]?.content as ArrayBuffer).equals(picture)).toBe(true);
    expect([text?.trim(), subject]).toEqual(["", "cat.png"]);
  });

  it("is a link in the text when it is larger than the gateway takes", async () => {
    const url = await upload(Buffer.alloc(10 * 1024 * 1024 + 1), "film.png");
    share(url);
    const mail = await stage.mailWith("bob@example.test", url);
    const { attachments, text } = await PostalMime.parse(mail.raw);
    expect([attachments, text?.trim()]).toEqual([[], url]);
  });
});
