/** Tenants with a user of every role, and who stands in for each column of the golden table. */
import { expect, vi } from "vitest";
import { DELIVER } from "../../src/features/destinations/ring-deliveries.ts";
import { doorbell } from "../../src/platform/jobs/doorbell.ts";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  type Reply,
  type TestTenant,
} from "../support/client.ts";
import { newTicket } from "../support/stream.ts";
import { addService, SECRET, signed, type TestService } from "../support/webhooks.ts";
import { bindings, databaseOfTenant, firstValue, registryOf } from "../support/worker.ts";
import type { Target } from "./fixtures.ts";
import { type Column, type DoorName, parseOperation } from "./golden.ts";

export const TENANT_ROLES = ["admin", "manager", "user", "readonly"] as const;
export type TenantRole = (typeof TENANT_ROLES)[number];

export interface House {
  readonly tenant: TestTenant;
  /** The admin is not the one who registered, so that there is always another. */
  readonly staff: Readonly<Record<TenantRole, Caller>>;
  /** Its slug and its secret are no other house's. */
  readonly service: TestService;
}

/** So many looks of 25 ms are 5 seconds. */
const LOOKS_PER_BELL = 200;

let made = 0;

export async function newHouse(): Promise<House> {
  const tenant = await newTenant();
  const staff = {} as Record<TenantRole, Caller>;
  for (const role of TENANT_ROLES) staff[role] = await addUser(tenant, role);
  const service = await addService(tenant, "generic", { secret: `${SECRET}-${++made}` });
  return { tenant, staff, service };
}

/** Who is behind the columns that are not roles of the house itself. */
export interface Strangers {
  readonly neighbour: House;
  readonly operator: Caller;
}

/** What a caller shows: a token, or the headers of a signature or a ticket. */
export interface Credential {
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
}

/** What a column shows to get at a target, where `owner` is who may do it. */
export async function credentialOf(
  column: Column,
  door: DoorName,
  owner: Caller,
  house: House,
  strangers: Strangers,
  target: Target,
): Promise<Credential> {
  const token = tokenOf(column, door, owner, house, strangers);
  if (target.stream) {
    if (column === "none" || column === "operator") return { token };
    const { tenant, staff } = door === "tenant" ? strangers.neighbour : house;
    if (column === "foreign") return { headers: await ticketOf(tenant, staff.admin) };
    return { headers: brokenTicket(await ticketOf(house.tenant, owner)) };
  }
  if (!target.webhook || column === "none") return { token };
  const stranger = door === "tenant" ? strangers.neighbour : house;
  if (column === "foreign") return { headers: await signatureOf(target, stranger.service.secret) };
  const headers = await signatureOf(target);
  return column === "broken" ? { headers: brokenSignature(headers) } : { token, headers };
}

/** What somebody shows who may do it. */
export async function ownerCredential(
  { owner }: { readonly owner: Caller },
  target: Target,
): Promise<Credential> {
  if (target.stream) return { headers: await ticketOf(target.stream.tenant, owner) };
  return { token: owner.token, headers: await signatureOf(target) };
}

/** A signature over a target's webhook, by its service's own secret or another. */
export async function signatureOf(
  { webhook }: Target,
  secret?: string,
): Promise<Record<string, string>> {
  if (!webhook) return {};
  const { service, text } = webhook;
  return (await signed({ ...service, secret: secret ?? service.secret }, text)).headers;
}

/** What somebody shows at a door that is not theirs. */
export async function foreignCredential(
  { tenant, service }: House,
  caller: Caller,
  target: Target,
): Promise<Credential> {
  if (target.stream) return { headers: await ticketOf(tenant, caller) };
  if (target.webhook) return { headers: await signatureOf(target, service.secret) };
  return { token: caller.token };
}

/** The owner's credential with one letter changed. */
export async function damagedCredential(owner: Caller, target: Target): Promise<Credential> {
  if (target.stream) return { headers: brokenTicket(await ticketOf(target.stream.tenant, owner)) };
  if (target.webhook) return { headers: brokenSignature(await signatureOf(target)) };
  return { token: broken(owner.token) };
}

/** A ticket that a tenant's door has given, as a stream is opened with it. */
async function ticketOf(tenant: TestTenant, caller: Caller): Promise<Record<string, string>> {
  const { protocols } = await newTicket(tenant, caller);
  return { "sec-websocket-protocol": protocols.join(", ") };
}

/** One letter of the ticket is another. */
function brokenTicket(headers: Record<string, string>): Record<string, string> {
  const text = headers["sec-websocket-protocol"] ?? "";
  return {
    "sec-websocket-protocol":
      text.slice(0, -2) + (text.at(-2) === "A" ? "B" : "A") + text.slice(-1),
  };
}

/** One letter of the signature is another. */
export function brokenSignature(headers: Record<string, string>): Record<string, string> {
  const text = headers["x-signature"] ?? "";
  const last = text.endsWith("0") ? "1" : "0";
  return { ...headers, "x-signature": `${text.slice(0, -1)}${last}` };
}

/** The token of a column, where `owner` is who may do it. The house's roles are its staff. */
function tokenOf(
  column: Column,
  door: DoorName,
  owner: Caller,
  house: House,
  strangers: Strangers,
): string | undefined {
  switch (column) {
    case "none":
      return undefined;
    case "broken":
      return broken(owner.token);
    case "foreign":
      return door === "tenant" ? strangers.neighbour.staff.admin.token : house.staff.admin.token;
    case "ids":
    case "nobody":
      return door === "tenant" ? house.staff.admin.token : strangers.operator.token;
    case "operator":
      return strangers.operator.token;
    default:
      return house.staff[column].token;
  }
}

/** Somebody new who may act on this door as this column does: what they do to themselves is theirs. */
export function freshCaller(column: Column, door: DoorName, house: House): Promise<Caller> {
  if (door === "platform") return newOperator();
  const role = (TENANT_ROLES as readonly string[]).includes(column) ? column : "admin";
  return addUser(house.tenant, role as TenantRole);
}

/** One letter in the middle of the signature is another. */
export function broken(token: string): string {
  const at = token.length - 40;
  return `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
}

/**
 * Waits until the real queue's consumers have nothing more to write down: all that was received, and
 * all that is sent on, has ended, dead letters have been seen, rules were held against all that was
 * measured, and the registry knows that the house is active.
 *
 * A clock that is faked goes on with each look, on a busy machine more slowly than the queue's: the bell
 * for a second attempt comes before it is due. It is rung again, as the sweeper would.
 */
export async function settled({ slug }: { readonly slug: string }): Promise<void> {
  const database = await databaseOfTenant(slug);
  const { body: bell } = doorbell(DELIVER, { id: String((await registryOf(slug))?.id), slug });
  let looks = 0;
  const unfinished = database.prepare(`SELECT
    (SELECT count(*) FROM webhook_events WHERE due_at IS NOT NULL) AS webhooks,
    (SELECT count(*) FROM webhook_events
      WHERE status = 'dead_letter' AND buried_at IS NULL) AS dead_letters,
    (SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL) AS deliveries,
    (SELECT count(*) FROM metric_samples) AS samples`);
  const begun = `SELECT (SELECT count(*) FROM webhook_attempts)
    + (SELECT count(*) FROM delivery_attempts)`;
  const nothing = { webhooks: 0, dead_letters: 0, deliveries: 0, samples: 0 };
  await vi.waitFor(
    async () => {
      if (++looks % LOOKS_PER_BELL === 0) await bindings.DELIVERIES.send(bell);
      expect(await unfinished.first()).toEqual(nothing);
      if ((await firstValue(database, begun)) !== 0)
        expect((await registryOf(slug))?.active_at).not.toBeNull();
    },
    { timeout: 60_000, interval: 25 },
  );
}

/** Sends an operation to a door. */
export function send(
  operation: string,
  door: DoorName,
  house: House,
  target: Target,
  { token, headers }: Credential,
): Promise<Reply> {
  const { method, path } = parseOperation(operation);
  const origin = door === "tenant" ? house.tenant.origin : PLATFORM_ORIGIN;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => target.params?.[name] ?? "missing");
  const query = target.query ? `?${new URLSearchParams(target.query)}` : "";
  const { body, raw, webhook, stream } = target;
  const text = webhook?.text ?? raw?.text;
  const content = text === undefined ? { body } : { raw: text };
  return call(method, `${origin}${filled}${query}`, {
    token,
    ...content,
    headers: { ...raw?.headers, ...headers, ...(stream ? { upgrade: "websocket" } : {}) },
  });
}
