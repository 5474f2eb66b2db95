import { z } from "zod";

export const toyOptions = z.strictObject({
  domain: z.boolean().meta({ description: "Domain mode: every user has a toy name without signing in" }).default(false),
});
export type ToyOptions = z.infer<typeof toyOptions>;
