/** What the tenants of the canary test do: their daily work, and trying the neighbour's things. */
import type { Steps } from "./cast.ts";
import { DESTINATIONS, DESTINATIONS_FORGED } from "./steps-destinations.ts";
import { PEOPLE, PEOPLE_FORGED } from "./steps-people.ts";
import { CALLS, SERVICES, SERVICES_FORGED } from "./steps-services.ts";
import { SIGNALS, SIGNALS_FORGED } from "./steps-signals.ts";
import { WEBHOOKS, WEBHOOKS_FORGED } from "./steps-webhooks.ts";

/** What one does at home. */
export const OWN: Steps = {
  ...PEOPLE,
  ...SERVICES,
  ...CALLS,
  ...WEBHOOKS,
  ...DESTINATIONS,
  ...SIGNALS,
};

export const FORGED: Steps = {
  ...PEOPLE_FORGED,
  ...SERVICES_FORGED,
  ...WEBHOOKS_FORGED,
  ...DESTINATIONS_FORGED,
  ...SIGNALS_FORGED,
};
