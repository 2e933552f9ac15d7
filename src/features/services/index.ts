/** External systems that a tenant integrates: how their webhooks are verified. */
export { findWebhookService, type WebhookService } from "./known-services.ts";
export { servicesRouter } from "./services.routes.ts";
export {
  MOST_PAYLOAD_BYTES,
  serviceParams,
  USUAL_ATTEMPTS,
} from "./services.schemas.ts";
