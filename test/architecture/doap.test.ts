// doap.xml against the code: the extensions it lists are those that the files of the edge name in their first lines, that
// the router has features for, and whose namespaces discovery tells.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Element, parse } from "ltx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmailBridge } from "../../bridges/email/index.ts";
import { startViaduct, type Viaduct } from "../kit/viaduct.ts";
import { root, sourceFiles } from "./sources.ts";

interface Listed {
  readonly xep: string;
  readonly status: string;
  readonly version: string;
  readonly since: string;
}

const listed: readonly Listed[] = readDoap(parse(readFileSync(join(root, "doap.xml"), "utf8")));
const numbers = listed.map(({ xep }) => xep);

function readDoap(rdf: Element): Listed[] {
  const project = rdf.getChild("Project");
  const supported = (project?.getChildren("implements") ?? []).flatMap((node) => node.getChildren("SupportedXep"));
  return supported.map((node) => {
    const text = (name: string) => node.getChildText(name) ?? "";
    const link = String(node.getChild("xep")?.attrs["rdf:resource"]);
    const xep = /^https:\/\/xmpp\.org\/extensions\/xep-(\d{4})\.html$/.exec(link)?.[1] ?? link;
    return { xep, status: text("status"), version: text("version"), since: text("since") };
  });
}

/** The comment that a file begins with. */
const heading = (text: string): string => /^(?:\/\/.*\n)*/.exec(text)?.[0] ?? "";
/** "XEP-0184, 0201, 0308." and "XEP-0359 (ids), 0203 (delay)"; RFCs have no leading zero. */
const xepsIn = (text: string): string[] => [...text.matchAll(/\b0\d{3}\b/g)].map(([number]) => number);
const sorted = (list: Iterable<string>): string[] => [...new Set(list)].toSorted();

describe("doap.xml", () => {
  let viaduct: Viaduct;
  beforeAll(async () => {
    // The router is built without a server: nobody listens on port 1.
    viaduct = await startViaduct({ componentPort: 1, bridges: { email: createEmailBridge() } });
  });
  afterAll(() => viaduct?.stop());
  const router = () => {
    const [component] = viaduct.components;
    if (component === undefined) throw new Error("there is no component");
    return component.router;
  };

  test("lists each extension once, in order, with status, version and since", () => {
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers).toEqual(sorted(numbers));
    for (const one of listed) {
      expect(one, one.xep).toEqual({
        xep: expect.stringMatching(/^\d{4}$/),
        status: expect.stringMatching(/^(complete|partial)$/),
        version: expect.stringMatching(/^\d+\.\d+(\.\d+)?$/),
        since: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      });
    }
  });

  test("lists what the first lines of the edge's files name, no more and no less", () => {
    const claimed = sourceFiles("src/xmpp").flatMap(({ text }) => xepsIn(heading(text)));
    expect(claimed.length).toBeGreaterThan(20);
    expect(numbers).toEqual(sorted(claimed));
  });

  test("lists every feature of the router", () => {
    const features = router().xeps.filter((number) => number.startsWith("0"));
    expect(features).toContain("0184");
    expect(features.filter((number) => !numbers.includes(number))).toEqual([]);
  });

  test("lists the extension behind every namespace that discovery tells", () => {
    const owners = namespaces();
    const told = sorted([...router().features("gateway"), ...router().features("contact")]);
    expect(told).toContain("jabber:iq:register");
    const owner = (namespace: string) => owners.get(namespace) ?? "of no extension in ns.ts";
    expect(told.filter((namespace) => !numbers.includes(owner(namespace))).map((name) => [name, owner(name)])).toEqual(
      [],
    );
  });
});

/** ns.ts: each namespace under the document that defines it. */
function namespaces(): Map<string, string> {
  const found = new Map<string, string>();
  let xep = "";
  for (const line of readFileSync(join(root, "src/xmpp/ns.ts"), "utf8").split("\n")) {
    if (line.includes("/**")) xep = xepsIn(line).at(-1) ?? "";
    const text = /^\s+\w+: "(.*)",$/.exec(line)?.[1];
    if (text !== undefined) found.set(text.replaceAll("\\\\", "\\"), xep);
  }
  return found;
}
