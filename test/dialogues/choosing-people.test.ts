// Alice chooses among people that her network knows: her chats there, and those whom she looks for.
import { describe, expect, test } from "vitest";
import { aliceSignedIn, type Story } from "./story.ts";

const write = (story: Story, text: string) =>
  story.send(`<message type="chat" from="alice@localhost/phone" to="toy.localhost"><body>${text}</body></message>`);
const answer = (text: string) =>
  `<message type="chat" id="{id}" from="toy.localhost" to="alice@localhost"><body>${text}</body></message>`;

describe("her chats on the network", () => {
  test("are shown, and who she chooses is her contact", async () => {
    const story = await aliceSignedIn();
    story.network.put("al", "bob", "said elsewhere", "x1");
    story.network.put("al", "carol", "said elsewhere", "x2");
    await write(story, "chats");
    await story.expect(
      answer(`Your chats there
Add whom to your contacts? One of: bob, carol.
("cancel" leaves this.)`),
    );
    await write(story, "carol");
    await story.expect(answer("carol is in your contacts now."));
    const [account] = story.viaduct.gateway.accounts.of("toy", "alice@localhost");
    expect(await story.viaduct.gateway.bridges.get("toy").contacts.get(account?.id ?? 0, "carol")).toBeDefined();
    expect(await story.viaduct.gateway.bridges.get("toy").contacts.get(account?.id ?? 0, "bob")).toBeUndefined();
  });

  test("are none at first", async () => {
    const story = await aliceSignedIn();
    await write(story, "chats");
    await story.expect(answer("You have no chats with anybody there yet."));
  });
});

describe("a search", () => {
  test("finds people by a part of their names", async () => {
    const story = await aliceSignedIn();
    story.network.passwords.set("bobby", "x");
    await write(story, "find bob");
    await story.expect(
      answer(`Found
Add whom to your contacts? One of: bobby.
("cancel" leaves this.)`),
    );
    await write(story, "bobby");
    await story.expect(answer("bobby is in your contacts now."));
  });

  test("that finds nobody says so", async () => {
    const story = await aliceSignedIn();
    await write(story, "find zelda");
    await story.expect(answer('Nobody was found under "zelda".'));
  });
});
