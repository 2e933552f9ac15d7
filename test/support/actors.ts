/** Who acts in a tenant's business, and what they do, through the API. */
import { expect } from "vitest";
import { call, type TestTenant } from "./client.ts";

let made = 0;

/** Adds an actor. @returns its id */
export async function addActor(
  tenant: TestTenant,
  changes: Record<string, unknown> = {},
): Promise<string> {
  const body = { type: "support", name: `Actor ${++made}`, ...changes };
  const reply = await call("POST", `${tenant.api}/actors`, { token: tenant.admin.token, body });
  expect(reply.status, reply.text).toBe(201);
  return reply.json.id;
}
