// The numbers of lane rows. They only grow, in the order of the commits, and none is given twice: occupants, mails and files
// remember numbers longer than the rows live, so that neither a pruned table nor a new start may begin again.
import type { StoreContext } from "./sqlite.ts";
import { param, statement } from "./statement.ts";

/** So many are claimed at once, long before they are needed. What a process leaves of them is left out. */
const block = 1_000_000;

export interface RowNumbers {
  /** The last number that was given. */
  readonly last: number;
  next(): number;
}

/** This process is the only writer, so it counts by itself: the order within a group commit is then ours. */
export function rowNumbers({ db, build, commits }: Pick<StoreContext, "db" | "build" | "commits">): RowNumbers {
  const given = statement(db, build.selectFrom("row_numbers").select("given"));
  const claim = statement(db, build.updateTable("row_numbers").set({ given: param<number>("given") }));
  let last = given.get()?.given ?? 0;
  let claimed = last + block;
  // The log keeps the order: where a row of these numbers is on disk, so is the claim.
  claim.run({ given: claimed });
  let claiming = false;
  const claimMore = () => {
    claiming = true;
    const more = claimed + block;
    commits
      .run(() => claim.run({ given: more }))
      .then(() => {
        claimed = more;
      })
      .catch(() => undefined) // the next number tries again
      .finally(() => {
        claiming = false;
      });
  };
  return {
    get last() {
      return last;
    },
    next() {
      last++;
      if (!claiming && last > claimed - block / 2) claimMore();
      return last;
    },
  };
}
