import type { Chore } from "../../platform/jobs/chores.ts";
import { forgetOld } from "./usage.service.ts";

/** What comes round by the clock. */
export const usageChores: readonly Chore[] = [
  { name: "usage.forget", rounds: ["nightly"], run: forgetOld },
];
