import { expect, test } from "vitest";
import { backportsSource, mainSource, parseSources, sourceLine } from "./apt-sources.ts";

test("reads paragraphs, leaving out comments, source packages and what is disabled", () => {
  const text = `Types: deb
# a snapshot
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb-src
URIs: http://mirror.test/src
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main
`;
  expect(parseSources("debian.sources", text)).toEqual([
    {
      uri: "http://mirror.test/debian",
      suites: ["bookworm", "bookworm-updates"],
      components: ["main", "contrib"],
      signedBy: "/usr/share/keyrings/debian.gpg",
    },
  ]);
});

test("reads lines, with and without options", () => {
  const text = `# deb http://old.test/debian bookworm main
deb http://mirror.test/debian bookworm main contrib # ours
deb [arch=amd64 signed-by=/k.gpg] http://other.test/debian sid main
deb-src http://mirror.test/debian bookworm main
`;
  expect(parseSources("sources.list", text)).toEqual([
    { uri: "http://mirror.test/debian", suites: ["bookworm"], components: ["main", "contrib"], signedBy: undefined },
    { uri: "http://other.test/debian", suites: ["sid"], components: ["main"], signedBy: "/k.gpg" },
  ]);
});

test("backports are taken from the mirror that has the suite itself, not from the security one", () => {
  const sources = parseSources(
    "sources.list",
    `deb http://security.test/debian-security bookworm-security main
deb [signed-by=/k.gpg] http://mirror.test/debian bookworm main
`,
  );
  const mirror = mainSource(sources, "bookworm");
  expect(mirror && backportsSource(mirror, "bookworm-backports")).toBe(
    "Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: /k.gpg\n",
  );
});

test("a suite for an apt of its own keeps the mirror's key", () => {
  const [mirror] = parseSources(
    "sources.list",
    "deb [signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib\n",
  );
  expect(mirror && sourceLine(mirror, "sid")).toBe("deb [signed-by=/k.gpg] http://mirror.test/debian sid main\n");
});
