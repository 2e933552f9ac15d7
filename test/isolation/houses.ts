/** Tenants with a user of every role, and who stands in for each column of the golden table. */
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
import type { Target } from "./fixtures.ts";
import { type Column, type DoorName, parseOperation } from "./golden.ts";

export const TENANT_ROLES = ["admin", "manager", "user", "readonly"] as const;
export type TenantRole = (typeof TENANT_ROLES)[number];

export interface House {
  readonly tenant: TestTenant;
  /** The admin is not the one who registered, so that there is always another. */
  readonly staff: Readonly<Record<TenantRole, Caller>>;
}

export async function newHouse(): Promise<House> {
  const tenant = await newTenant();
  const staff = {} as Record<TenantRole, Caller>;
  for (const role of TENANT_ROLES) staff[role] = await addUser(tenant, role);
  return { tenant, staff };
}

/** Who is behind the columns that are not roles of the house itself. */
export interface Strangers {
  readonly neighbour: House;
  readonly operator: Caller;
}

/** The token of a column, where `owner` is who may do it. The house's roles are its staff. */
export function tokenOf(
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

/** Sends an operation to a door. */
export function send(
  operation: string,
  door: DoorName,
  house: House,
  target: Target,
  token: string | undefined,
): Promise<Reply> {
  const { method, path } = parseOperation(operation);
  const origin = door === "tenant" ? house.tenant.origin : PLATFORM_ORIGIN;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => target.params?.[name] ?? "missing");
  const query = target.query ? `?${new URLSearchParams(target.query)}` : "";
  return call(method, `${origin}${filled}${query}`, { token, body: target.body });
}
