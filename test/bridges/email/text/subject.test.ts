import { describe, expect, it } from "vitest";
import { answerSubject, baseSubject, hasMark, isForward } from "../../../../bridges/email/text/subject.ts";

describe("subjects", () => {
  it.each([
    ["Lunch", "Lunch"],
    ["Re: Lunch", "Lunch"],
    ["RE: AW: Sv: Re[2]: Lunch", "Lunch"],
    ["Re^3: Lunch", "Lunch"],
    ["[dev] Re: [dev] Lunch", "Lunch"],
    ["Fwd: Re: Lunch", "Lunch"],
    ["回复：午饭", "午饭"],
    ["Regarding: Lunch", "Regarding: Lunch"],
    ["[urgent]", "[urgent]"],
    ["Re:", ""],
    ["", ""],
  ])("%j is about %j", (subject, base) => {
    expect(baseSubject(subject)).toBe(base);
  });

  it("get one Re: in an answer, whatever the parent had", () => {
    expect(answerSubject("AW: Re: Lunch")).toBe("Re: Lunch");
    expect(answerSubject("Lunch")).toBe("Re: Lunch");
  });

  it("tell answers and forwards from openings", () => {
    expect([hasMark("Lunch"), hasMark("[dev] Lunch"), hasMark("[dev] Re: Lunch"), hasMark("AW: Lunch")]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect([
      isForward("Fwd: Lunch"),
      isForward("WG: Lunch"),
      isForward("Re: Fwd: Lunch"),
      isForward("Forward!"),
    ]).toEqual([true, true, false, false]);
  });
});
