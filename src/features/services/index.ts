/** External systems that a tenant integrates: how their webhooks are verified, their APIs called. */
export { BreakerOptionsShown } from "./api.schemas.ts";
export { completeApi } from "./api-settings.ts";
export {
  type ApiService,
  findApiService,
  findWebhookService,
  forgetService,
  type WebhookService,
} from "./known-services.ts";
export {
  findService,
  listApiServices,
  orderBreaker,
  type ServiceView,
} from "./services.repository.ts";
export { servicesRouter } from "./services.routes.ts";
export {
  MOST_PAYLOAD_BYTES,
  serviceParams,
  slugParams,
  USUAL_ATTEMPTS,
} from "./services.schemas.ts";
export { services } from "./services.tables.ts";
