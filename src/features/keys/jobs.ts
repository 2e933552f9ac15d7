import { rotateOldKey } from "../../platform/access/signing-key-store.ts";
import type { Chore } from "../../platform/jobs/chores.ts";

/** What is done by the clock. */
export const keyChores: readonly Chore[] = [
  { name: "keys.rotate", rounds: ["nightly"], run: rotateOldKey },
];
