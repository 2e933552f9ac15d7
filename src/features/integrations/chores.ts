import type { Chore } from "../../platform/jobs/chores.ts";
import { reviewDeadLetters } from "./review.service.ts";
import { watchIntegrations } from "./watch.service.ts";

/**
 * What the clock has looked at. A tenant that only calls services receives nothing that would mark it
 * active, so both come round to all tenants too.
 */
export const integrationChores: readonly Chore[] = [
  { name: "integrations.health", rounds: ["health", "idle"], run: watchIntegrations },
  { name: "integrations.review", rounds: ["review", "idle"], run: reviewDeadLetters },
];
