/** Services whose API is called: the misbehaving server, behind a service of a tenant. */
import { expect, inject } from "vitest";
import { call, type Reply, type TestTenant } from "./client.ts";
import { CANARY } from "./log-scan.ts";
import type { Seen } from "./misbehaving-server.node.ts";

/** A credential, and a canary: no answer and no log line may ever hold it. */
export const TOKEN = `${CANARY}-api-token`;

/** Base URLs of the servers, and one at which nobody listens. */
export function servers() {
  const { first, second, dead } = inject("misbehaving");
  const at = (port: number) => `http://127.0.0.1:${port}`;
  return { first: at(first), second: at(second), dead: at(dead) };
}

let made = 0;
/** A word that no other test uses. */
export const fresh = (word: string) => `${word}-${++made}-${crypto.randomUUID().slice(0, 8)}`;

export interface CalledService {
  readonly slug: string;
  readonly id: string;
  /** The service as it was shown. */
  readonly json: Reply["json"];
  /** Has the tenant's admin call it. */
  request(body: object, headers?: Record<string, string>): Promise<Reply>;
  /** Has the admin ask something below the service's path. */
  ask(method: string, path: string, body?: unknown): Promise<Reply>;
}

/** Adds a service that is called, at the misbehaving server unless `api` says otherwise. */
export async function addCalled(
  tenant: TestTenant,
  api: Record<string, unknown> = {},
  ask: typeof call = call,
): Promise<CalledService> {
  const slug = fresh("called");
  const { token } = tenant.admin;
  const body = { slug, name: slug, api: { base_url: servers().first, ...api } };
  const reply = await ask("POST", `${tenant.api}/services`, { token, body });
  expect(reply.status, reply.text).toBe(201);
  const below = (method: string, path: string, content?: unknown, headers = {}) =>
    ask(method, `${tenant.api}/services/${slug}${path}`, { token, body: content, headers });
  return {
    slug,
    id: reply.json.id,
    json: reply.json,
    request: (content, headers) => below("POST", "/requests", content, headers),
    ask: below,
  };
}

/** What the servers saw of the requests that carried this id in their path. */
export async function seen(id: string): Promise<Seen[]> {
  const response = await fetch(`${servers().first}/seen/${id}`);
  return (await response.json()) as Seen[];
}
