/**
 * How to aim each operation at something that is there: one entry per operation that names
 * something, or changes it.
 */
import { newId } from "../../src/platform/ids.ts";
import { addCalled } from "../support/called-services.ts";
import { addUser, type Caller, call, newTenant, PASSWORD, signIn } from "../support/client.ts";
import { registrationOf } from "../support/registration.ts";
import {
  addService,
  eventOf,
  eventually,
  post,
  received,
  SECRET,
  type TestService,
} from "../support/webhooks.ts";
import { bindings } from "../support/worker.ts";
import { ARCHIVE_FIXTURES } from "./fixtures-archives.ts";
import { CELL_FIXTURES } from "./fixtures-cells.ts";
import { DESTINATION_FIXTURES } from "./fixtures-destinations.ts";
import { MIGRATION_FIXTURES } from "./fixtures-migrations.ts";
import { SIGNAL_FIXTURES } from "./fixtures-signals.ts";
import type { House } from "./houses.ts";

/** What a request aims at. */
export interface Target {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Record<string, string>;
  readonly body?: unknown;
  /** A body that is not JSON. */
  readonly raw?: { readonly text: string; readonly headers: Record<string, string> };
  /** A webhook, where a signature is asked for: of which service, and its text. */
  readonly webhook?: { readonly service: TestService; readonly text: string };
  /** Whose live stream, where a ticket is asked for. */
  readonly stream?: House;
}

/** Where the target is made, and for whom: `owner` may do it, at the door of `api`. */
export interface Scene {
  readonly house: House;
  readonly owner: Caller;
  readonly api: string;
}

export interface Fixture {
  /** Something new, so that no two cells share a victim. */
  readonly target?: (scene: Scene) => Promise<Target> | Target;
  /** The same for something that nobody has. Where it is left out, the operation names nothing. */
  readonly nowhere?: () => Target;
  /** It changes whether the tenant's door is open, so it wants a house of its own. */
  readonly closes?: true;
}

let made = 0;
const fresh = (word: string) => `${word}-${++made}`;

const oneUser: Fixture = {
  target: async ({ house }) => ({ params: { id: (await addUser(house.tenant, "user")).id } }),
  nowhere: () => ({ params: { id: newId("user") } }),
};

const oneTenant: Fixture = {
  target: ({ house }) => ({ params: { id: house.tenant.id } }),
  nowhere: () => ({ params: { id: newId("tenant") } }),
};

/** A tenant that has left long ago: what is erased of a house could not be looked at any more. */
const oneThatLeft: Fixture = {
  target: async () => {
    const { id, slug } = await newTenant(fresh("left"));
    await bindings.CONTROL_DB.prepare(
      "UPDATE tenants SET state = 'deactivated', deactivated_at = 0 WHERE id = ?",
    )
      .bind(id)
      .run();
    return { params: { id }, body: { slug } };
  },
  nowhere: () => ({ params: { id: newId("tenant") }, body: { slug: fresh("nobodys") } }),
};

const withBody = (fixture: Fixture, body: unknown): Fixture => ({
  ...(fixture.target
    ? { target: async (scene) => ({ ...(await fixture.target?.(scene)), body }) }
    : {}),
  ...(fixture.nowhere ? { nowhere: () => ({ ...fixture.nowhere?.(), body }) } : {}),
});

const oneService: Fixture = {
  target: async ({ house }) => ({ params: { slug: (await addService(house.tenant)).slug } }),
  nowhere: () => ({ params: { slug: fresh("nobodys") } }),
};

/** A service whose API is called. */
const oneCalled: Fixture = {
  target: async ({ house }) => ({ params: { slug: (await addCalled(house.tenant)).slug } }),
  nowhere: () => ({ params: { slug: fresh("nobodys") } }),
};

/** A webhook of the house's own service; `wrap` makes its body of an event. */
const oneWebhook = (wrap: (event: string) => string): Fixture => {
  const webhookOf = (service: TestService): Target => ({
    params: { service: service.slug },
    webhook: { service, text: wrap(eventOf(service, fresh("event"))) },
  });
  return {
    target: ({ house }) => webhookOf(house.service),
    nowhere: () => webhookOf(noService()),
  };
};

const noService = (): TestService => ({
  slug: fresh("nobodys"),
  url: "http://nobody.test/",
  settings: { scheme: "generic" },
  secret: SECRET,
});

/** A filter names somebody too: what is not there must look like what is another's. */
const filteredBy = (name: string, of: (scene: Scene) => Promise<string>): Fixture => ({
  target: async (scene) => ({ query: { [name]: await of(scene) } }),
  nowhere: () => ({ query: { [name]: fresh("nobodys") } }),
});

/** Id of a received event that came so far. */
async function receivedId({ house }: Scene, status: "completed" | "dead_letter"): Promise<string> {
  const id = fresh("event");
  // A refund without its payment fails, and this service tries it once.
  const [service, type] =
    status === "completed"
      ? [house.service, "order.placed"]
      : [await addService(house.tenant, "generic", { max_attempts: 1 }), "payment.refunded"];
  const reply = await post(service, id, type, { id });
  return (await eventually(house.tenant, reply.json.event_id, status)).id;
}

/** A service that somebody has already sent something genuine, and something forged. */
async function busyService({ house }: Scene): Promise<string> {
  const service = await addService(house.tenant);
  await post(service, fresh("event"));
  await post({ ...service, secret: `${SECRET}-forged` }, fresh("event"));
  return service.slug;
}

const oneReceived = (status: "completed" | "dead_letter"): Fixture => ({
  target: async (scene) => ({ params: { id: await receivedId(scene, status) } }),
  nowhere: () => ({ params: { id: newId("webhookEvent") } }),
});

const newCompany: Fixture = { target: () => ({ body: registrationOf(fresh("company")) }) };

export const FIXTURES: Readonly<Record<string, Fixture>> = {
  ...ARCHIVE_FIXTURES,
  ...CELL_FIXTURES,
  ...DESTINATION_FIXTURES,
  ...SIGNAL_FIXTURES,
  ...MIGRATION_FIXTURES,
  "POST /api/v1/auth/register": newCompany,
  "POST /api/v1/auth/login": {
    target: ({ owner }) => ({ body: { email: owner.email, password: PASSWORD } }),
    nowhere: () => ({ body: { email: `${fresh("nobody")}@nowhere.test`, password: PASSWORD } }),
  },
  "POST /api/v1/auth/refresh": {
    target: async ({ owner, api }) => ({
      body: { refresh_token: (await signIn(api, owner.email)).refreshToken },
    }),
    nowhere: () => ({ body: { refresh_token: `rwr_${fresh("nobodys")}` } }),
  },
  "DEL /api/v1/auth/sessions/{id}": {
    target: async ({ owner, api }) => ({
      params: { id: sessionOf((await signIn(api, owner.email)).token) },
    }),
    nowhere: () => ({ params: { id: newId("session") } }),
  },
  "PUT /api/v1/users/profile": { target: () => ({ body: { first_name: fresh("Renamed") } }) },
  "POST /api/v1/users/change-password": {
    target: () => ({
      body: { current_password: PASSWORD, new_password: `${PASSWORD}-${fresh("new")}` },
    }),
  },
  "POST /api/v1/users": {
    target: () => ({
      body: {
        email: `${fresh("new")}@people.test`,
        password: PASSWORD,
        first_name: "New",
        last_name: "Person",
        role: "user",
      },
    }),
  },
  "GET /api/v1/users/{id}": oneUser,
  "PUT /api/v1/users/{id}": withBody(oneUser, { first_name: "Changed" }),
  "DEL /api/v1/users/{id}": oneUser,
  "POST /api/v1/users/{id}/unlock": oneUser,
  "PUT /api/v1/tenants/current": { target: () => ({ body: { name: fresh("Company") } }) },
  "DEL /api/v1/tenants/current": { closes: true },
  // A filter names somebody too: what is not there must look like what is another's.
  "GET /api/v1/audit": {
    target: ({ owner }) => ({ query: { target: owner.id } }),
    nowhere: () => ({ query: { target: newId("user") } }),
  },
  "POST /api/v1/services": {
    target: () => {
      const slug = fresh("service");
      return { body: { slug, name: slug, webhook: { scheme: "stripe", secrets: [SECRET] } } };
    },
  },
  "GET /api/v1/services/{slug}": oneService,
  "PUT /api/v1/services/{slug}": withBody(oneService, { name: "Changed" }),
  "DEL /api/v1/services/{slug}": oneService,
  "POST /api/v1/services/{slug}/requests": withBody(oneCalled, {
    method: "POST",
    path: "/echo/matrix",
  }),
  "GET /api/v1/services/{slug}/breaker": oneCalled,
  "POST /api/v1/services/{slug}/breaker/open": oneCalled,
  "POST /api/v1/services/{slug}/breaker/close": oneCalled,
  "POST /api/v1/services/{slug}/breaker/reset": oneCalled,
  "GET /api/v1/events": filteredBy("source_id", (scene) => receivedId(scene, "completed")),
  "GET /api/v1/events/{id}": {
    target: async (scene) => {
      const source = await receivedId(scene, "completed");
      const { json } = await call("GET", `${scene.house.tenant.api}/events?source_id=${source}`, {
        token: scene.house.tenant.admin.token,
      });
      return { params: { id: json.data[0].id } };
    },
    nowhere: () => ({ params: { id: newId("event") } }),
  },
  "POST /api/v1/webhooks/{service}": oneWebhook((event) => event),
  "POST /api/v1/webhooks/{service}/batch": oneWebhook((event) => `[${event}]`),
  "POST /api/v1/webhooks/{service}/test": withBody(
    {
      target: ({ house }) => ({ params: { service: house.service.slug } }),
      nowhere: () => ({ params: { service: fresh("nobodys") } }),
    },
    { type: "order.placed" },
  ),
  "GET /api/v1/webhooks/events": filteredBy("service", busyService),
  "GET /api/v1/webhooks/events/{id}": oneReceived("completed"),
  "POST /api/v1/webhooks/events/{id}/replay": oneReceived("dead_letter"),
  "POST /api/v1/webhooks/dead-letters/replay": {
    target: async (scene) => {
      const id = await receivedId(scene, "dead_letter");
      return { body: { service: (await received(scene.house.tenant, id)).service } };
    },
    nowhere: () => ({ body: { service: fresh("nobodys") } }),
  },
  "GET /api/v1/webhooks/rejections": filteredBy("service", busyService),
  "POST /api/v1/invitations": { target: () => ({ body: {} }) },
  "POST /api/v1/tenants": newCompany,
  "GET /api/v1/tenants/{id}": oneTenant,
  "PUT /api/v1/tenants/{id}": withBody(oneTenant, { plan: "business" }),
  "DEL /api/v1/tenants/{id}": { ...oneTenant, closes: true },
  "POST /api/v1/tenants/{id}/suspend": { ...oneTenant, closes: true },
  "POST /api/v1/tenants/{id}/activate": { ...oneTenant, closes: true },
  "POST /api/v1/tenants/{id}/purge": oneThatLeft,
};

/** The session that a token belongs to. */
export function sessionOf(token: string): string {
  const payload = token.split(".")[1] ?? "";
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))).sid;
}
