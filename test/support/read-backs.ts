/** Where what was written to an operation can be read again. */
import type { Reply, TestTenant } from "./client.ts";
import type { Ids } from "./operations.ts";

/** Address, and field of the answer for each field of the body. */
export interface ReadBack {
  readonly url: string;
  readonly token?: string;
  readonly fields: Readonly<Record<string, readonly string[]>>;
  /** What has come back already. */
  readonly also?: Readonly<Record<string, unknown>>;
}

/** By operation; null for those that store no text of the caller's. */
export type ReadBacks = Readonly<Record<string, ((reply: Reply) => ReadBack) | null>>;

/** A step of a path. */
export const FIRST_OF_DATA = "first of data";
const NAME = { name: ["name"] };
const DESCRIPTION = { description: ["description"] };
const NAMES = { first_name: ["first_name"], last_name: ["last_name"] };
const COMPANY = { company_name: ["name"] };

/**
 * Every operation with a body.
 * @param ids of what the operations change
 * @param tenantId of the tenant that operators change
 */
export function readBacksOf(acme: TestTenant, ids: Ids, tenantId: string): ReadBacks {
  return {
    createUser: (reply) => ({
      url: `${acme.origin}${reply.headers.get("location")}`,
      fields: NAMES,
    }),
    updateUser: () => ({ url: `${acme.api}/users/${ids.users}`, fields: NAMES }),
    updateProfile: () => ({ url: "/api/v1/auth/me", fields: NAMES }),
    updateCurrentTenant: () => ({ url: `${acme.api}/tenants/current`, fields: NAME }),
    updateTenant: () => ({ url: `/api/v1/tenants/${tenantId}`, fields: NAME }),
    createTenant: (reply) => ({ url: reply.headers.get("location") ?? "", fields: COMPANY }),
    register: (reply) => ({
      url: `${reply.json.tenant.url}/api/v1/users`,
      token: reply.json.access_token,
      fields: {
        admin_first_name: [FIRST_OF_DATA, "first_name"],
        admin_last_name: [FIRST_OF_DATA, "last_name"],
      },
      also: { company_name: reply.json.tenant.name },
    }),
    createService: (reply) => ({ url: reply.headers.get("location") ?? "", fields: NAME }),
    updateService: () => ({ url: `${acme.api}/services/${ids.slug}`, fields: NAME }),
    callService: null,
    sendTestWebhook: (reply) => ({
      url: `${acme.api}/webhooks/events/${reply.json.event_id}`,
      fields: { type: ["type"] },
    }),
    replayDeadLetters: null,
    createDestination: (reply) => ({
      url: `${acme.origin}${reply.headers.get("location")}`,
      fields: DESCRIPTION,
    }),
    updateDestination: () => ({
      url: `${acme.api}/destinations/${ids.destinations}`,
      fields: DESCRIPTION,
    }),
    testDestination: (reply) => ({
      url: `${acme.api}/destinations/${ids.destinations}/deliveries/${reply.json.id}`,
      fields: { type: ["event_type"] },
    }),
    resendDeliveries: null,
    createActor: (reply) => ({ url: reply.headers.get("location") ?? "", fields: NAME }),
    updateActor: () => ({ url: `${acme.api}/actors/${ids.actors}`, fields: NAME }),
    createEvent: (reply) => ({
      url: reply.headers.get("location") ?? "",
      fields: { event_type: ["event_type"], subject: ["subject"] },
    }),
    createEvents: null,
    createSignal: (reply) => ({
      url: reply.headers.get("location") ?? "",
      fields: { title: ["title"], description: ["description"] },
    }),
    assignSignal: null,
    resolveSignal: null,
    createSignalRule: (reply) => ({
      url: reply.headers.get("location") ?? "",
      fields: { metric: ["metric"] },
    }),
    updateSignalRule: () => ({
      url: `${acme.api}/signal-rules/${ids["signal-rules"]}`,
      fields: { metric: ["metric"] },
    }),
    signIn: null,
    signOut: null,
    refresh: null,
    changePassword: null,
    createInvitation: null,
    beginImport: null,
    importSeed: null,
    completeImport: null,
    putCell: null,
    startMigration: null,
    makeDatabasesClaimable: null,
    purgeTenant: null,
  };
}
