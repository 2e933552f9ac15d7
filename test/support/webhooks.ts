/** Services, and webhooks as their senders sign them. */
import { expect, vi } from "vitest";
import {
  type SchemeName,
  type SignatureSettings,
  sampleBody,
  sign,
} from "../../src/platform/signatures/index.ts";
import { type CallOptions, call, type Reply, type TestTenant } from "./client.ts";
import { CANARY } from "./log-scan.ts";

/** A secret that fits every scheme, and a canary: no log line may ever hold it. */
export const SECRET = `whsec_${btoa(`${CANARY}-webhook-secret`)}`;

/** Headers and body of one delivery. */
export interface SignedDelivery {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** A service of the tenant, added by its admin. */
export interface TestService {
  readonly slug: string;
  readonly url: string;
  readonly settings: SignatureSettings;
  readonly secret: string;
}

let made = 0;

export async function addService(
  tenant: TestTenant,
  scheme: SchemeName = "generic",
  options: Record<string, unknown> & { readonly slug?: string; readonly secret?: string } = {},
): Promise<TestService> {
  const { slug = `${scheme}-${++made}`, secret = SECRET, ...webhook } = options;
  const url = `${tenant.api}/webhooks/${slug}`;
  const needed = scheme === "square" ? { notification_url: url } : {};
  const reply = await call("POST", `${tenant.api}/services`, {
    token: tenant.admin.token,
    body: { slug, name: slug, webhook: { scheme, secrets: [secret], ...needed, ...webhook } },
  });
  expect(reply.status, reply.text).toBe(201);
  return { slug, url, secret, settings: { scheme, ...needed, ...webhook } as SignatureSettings };
}

/** An event as the service's provider writes it. */
export function eventOf(
  service: Pick<TestService, "settings">,
  id: string,
  type = "order.placed",
  data: Record<string, unknown> = { id },
): string {
  return sampleBody(service.settings, { id, type, data }).body;
}

/** Signs a body as the service does. */
export async function signed(
  service: TestService,
  body: string | Uint8Array,
  more: {
    readonly id?: string;
    readonly type?: string | undefined;
    readonly contentType?: string;
    readonly at?: number;
    readonly path?: string;
  } = {},
): Promise<SignedDelivery> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const contentType = more.contentType ?? "application/json";
  const made = await sign(
    service.settings,
    service.secret,
    {
      url: `${service.url}${more.path ?? ""}`,
      body: bytes,
      contentType,
      id: more.id ?? "delivery-1",
      eventType: more.type ?? "order.placed",
    },
    more.at ?? Date.now(),
  );
  const headers = { ...Object.fromEntries(made.headers), "content-type": contentType };
  return { url: made.url, headers, body: bytes };
}

/** Sends a signed delivery, whole or with changes. */
export function deliver(
  { url, headers, body }: SignedDelivery,
  changes: CallOptions = {},
): Promise<Reply> {
  return call("POST", url, {
    raw: body,
    ...changes,
    headers: { ...headers, ...changes.headers },
  });
}

/** Signs and sends one event. */
export async function post(
  service: TestService,
  id: string,
  type?: string,
  data?: Record<string, unknown>,
): Promise<Reply> {
  return deliver(await signed(service, eventOf(service, id, type, data), { id, type }));
}

/** A received event, as the API shows it. */
export async function received(tenant: TestTenant, id: string): Promise<Reply["json"]> {
  const reply = await call("GET", `${tenant.api}/webhooks/events/${id}`, {
    token: tenant.admin.token,
  });
  expect(reply.status, reply.text).toBe(200);
  return reply.json;
}

/** Waits, for the real queue and its consumer, until an event has come to this state. */
export async function eventually(
  tenant: TestTenant,
  id: string,
  status: string,
): Promise<Reply["json"]> {
  return vi.waitFor(
    async () => {
      const event = await received(tenant, id);
      expect(event.status, JSON.stringify(event)).toBe(status);
      return event;
    },
    { timeout: 20_000, interval: 25 },
  );
}
