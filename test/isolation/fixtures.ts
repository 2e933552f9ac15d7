/**
 * How to aim each operation at something that is there: one entry per operation that names
 * something, or changes it.
 */
import { newId } from "../../src/platform/ids.ts";
import { addUser, type Caller, PASSWORD, signIn } from "../support/client.ts";
import { registrationOf } from "../support/registration.ts";
import type { House } from "./houses.ts";

/** What a request aims at. */
export interface Target {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Record<string, string>;
  readonly body?: unknown;
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

const withBody = (fixture: Fixture, body: unknown): Fixture => ({
  ...(fixture.target
    ? { target: async (scene) => ({ ...(await fixture.target?.(scene)), body }) }
    : {}),
  ...(fixture.nowhere ? { nowhere: () => ({ ...fixture.nowhere?.(), body }) } : {}),
});

const newCompany: Fixture = { target: () => ({ body: registrationOf(fresh("company")) }) };

export const FIXTURES: Readonly<Record<string, Fixture>> = {
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
  "POST /api/v1/invitations": { target: () => ({ body: {} }) },
  "POST /api/v1/tenants": newCompany,
  "GET /api/v1/tenants/{id}": oneTenant,
  "PUT /api/v1/tenants/{id}": withBody(oneTenant, { plan: "business" }),
  "DEL /api/v1/tenants/{id}": { ...oneTenant, closes: true },
  "POST /api/v1/tenants/{id}/suspend": { ...oneTenant, closes: true },
  "POST /api/v1/tenants/{id}/activate": { ...oneTenant, closes: true },
};

/** The session that a token belongs to. */
export function sessionOf(token: string): string {
  const payload = token.split(".")[1] ?? "";
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))).sid;
}
