// What a user's own server says of them is the user's word (security.md A2): it goes to other people's networks.
import { parse } from "ltx";
import { expect, test } from "vitest";
import { readCard } from "../../src/xmpp/xeps/user-card.ts";
import { pngOf } from "../kit/pictures.ts";

const card = (inside: string) => readCard(parse(`<vCard xmlns="vcard-temp">${inside}</vCard>`));
const photo = (base64: string, type = "image/png") => `<PHOTO><TYPE>${type}</TYPE><BINVAL>${base64}</BINVAL></PHOTO>`;
const svg = Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>");

test("a card says a name and a picture, whatever lines it is broken into", () => {
  const bytes = pngOf([1, 2, 3]);
  const lines = bytes.toString("base64").replace(/.{20}/g, "$&\n  ");
  expect(card(`<FN> Alice\n Liddell </FN>${photo(lines)}`)).toMatchObject({
    name: "Alice Liddell",
    picture: { type: "image/png", bytes },
  });
});

test("the type is what the bytes are, not what is said of them", () => {
  expect(card(photo(pngOf([1, 2, 3]).toString("base64"), "image/svg+xml")).picture?.type).toBe("image/png");
});

test.each([
  ["SVG", photo(svg.toString("base64"), "image/png")],
  ["no base64", photo("§§§§")],
  ["an address in place of bytes", "<PHOTO><EXTVAL>https://example.org/a.png</EXTVAL></PHOTO>"],
  ["nothing", photo("")],
  ["more than 512 KiB", photo(Buffer.concat([pngOf([0, 0, 0]), Buffer.alloc(600_000)]).toString("base64"))],
])("%s is no picture", (_, inside) => {
  expect(card(inside)).toEqual({});
});

test("a name has an end", () => {
  expect(card(`<NICKNAME>${"x".repeat(5_000)}</NICKNAME>`).name).toHaveLength(100);
});
