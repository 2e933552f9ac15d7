import { allows, type Permission, type Role } from "../access/permissions.ts";
import type { ProblemCode } from "../problems.ts";
import type { RealmStatus } from "../tenancy/index.ts";
import type { Closing } from "./protocol.ts";

/** What a tenant's database says, live, of those who watch. */
export interface Standing {
  readonly status: RealmStatus;
  /** The sessions asked for that are still alive, with their users' roles. */
  readonly roles: ReadonlyMap<string, Role>;
}

/** What can stand against somebody's watching, and how whoever comes with a ticket is told. */
export const OBJECTIONS = {
  suspended: "tenant-suspended",
  over: "invalid-ticket",
  forbidden: "permission-denied",
} as const satisfies Partial<Record<Closing, ProblemCode>>;
type Objection = keyof typeof OBJECTIONS;

/** What stands against a session's watching; null when it may. */
export function objectionTo(
  sessionId: string,
  { status, roles }: Standing,
  permission: Permission,
): Objection | null {
  if (status !== "active") return "suspended";
  const role = roles.get(sessionId);
  if (role === undefined) return "over";
  return allows(role, permission) ? null : "forbidden";
}
