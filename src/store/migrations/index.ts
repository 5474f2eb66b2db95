// Migrations are append-only: never edit one that has shipped, add the next number.
import type { Migration } from "kysely/migration";
import { first } from "./0001-first.ts";
import { fewerPages } from "./0002-fewer-pages.ts";
import { reactionsAndRecords } from "./0003-reactions-and-records.ts";
import { files } from "./0004-files.ts";
import { rooms } from "./0005-rooms.ts";
import { slices } from "./0006-slices.ts";
import { filesInOriginals } from "./0007-files-in-originals.ts";
import { oldReactions } from "./0008-old-reactions.ts";
import { avatars } from "./0009-avatars.ts";
import { numbersAndAges } from "./0010-numbers-and-ages.ts";

export const migrations: Record<string, Migration> = {
  "0001-first": first,
  "0002-fewer-pages": fewerPages,
  "0003-reactions-and-records": reactionsAndRecords,
  "0004-files": files,
  "0005-rooms": rooms,
  "0006-slices": slices,
  "0007-files-in-originals": filesInOriginals,
  "0008-old-reactions": oldReactions,
  "0009-avatars": avatars,
  "0010-numbers-and-ages": numbersAndAges,
};
