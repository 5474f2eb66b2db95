// Opens the database named on the command line in a process of its own, says "open" or why not, and stays until killed.
import { openTestStore } from "./open-store.ts";

const [path = ""] = process.argv.slice(2);
try {
  await openTestStore({ path });
  console.log("open");
  setInterval(() => {}, 1_000);
} catch (error) {
  const { name, kind, message } = error as { name: string; kind?: string; message: string };
  console.log(`${name} ${kind}: ${message}`);
}
