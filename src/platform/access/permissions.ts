/** Tenant roles, and `operator`, which exists in the platform's own realm only. */
export const ROLES = ["admin", "manager", "user", "readonly", "operator"] as const;
export type Role = (typeof ROLES)[number];

/** Roles that a tenant may give. */
export const TENANT_ROLES = ["admin", "manager", "user", "readonly"] as const;

/** The closed list: what is not here cannot be asked for, and what a role lacks is denied. */
export const PERMISSIONS = {
  "users:read": ["admin", "manager", "user", "readonly"],
  /** Other people's e-mail addresses. */
  "user_emails:read": ["admin", "manager", "user"],
  /** Last sign-ins and locks of other people. */
  "user_sign_ins:read": ["admin"],
  "users:write": ["admin"],
  "tenant:read": ["admin", "manager", "user", "readonly"],
  "tenant:write": ["admin"],
  /** What the plan allows and what is used of it. */
  "usage:read": ["admin", "manager"],
  /** How services sign and are called; never their secrets. */
  "services:read": ["admin", "manager"],
  "services:write": ["admin"],
  /** Calling services, with their credentials. */
  "services:call": ["admin", "manager"],
  /** Opening and closing circuit breakers by hand. */
  "breakers:write": ["admin", "manager"],
  "destinations:read": ["admin", "manager"],
  "destinations:write": ["admin", "manager"],
  /** Sending deliveries anew. */
  "deliveries:write": ["admin", "manager"],
  /** What was received, and what became of it. */
  "webhooks:read": ["admin", "manager", "user", "readonly"],
  "webhook_payloads:read": ["admin", "manager", "user"],
  /** Replaying and testing. */
  "webhooks:write": ["admin", "manager"],
  "actors:read": ["admin", "manager", "user", "readonly"],
  "actors:write": ["admin", "manager"],
  "events:read": ["admin", "manager", "user", "readonly"],
  "events:write": ["admin", "manager", "user"],
  "signals:read": ["admin", "manager", "user", "readonly"],
  /** Opening signals, by hand or by what was measured. */
  "signals:write": ["admin", "manager", "user"],
  /** Acknowledging, assigning and resolving them. */
  "signals:handle": ["admin", "manager"],
  "signal_rules:read": ["admin", "manager", "user", "readonly"],
  "signal_rules:write": ["admin", "manager"],
  "audit:read": ["admin", "manager", "operator"],
  "tenants:read": ["operator"],
  "tenants:write": ["operator"],
  /** Taking a tenant's data out whole, and bringing it in. */
  "tenants:export": ["operator"],
  "tenants:import": ["operator"],
  /** Erasing it for good. */
  "tenants:purge": ["operator"],
  "cells:read": ["operator"],
  "cells:write": ["operator"],
  "migrations:read": ["operator"],
  "migrations:write": ["operator"],
  "invitations:write": ["operator"],
  /** What ran by the clock, and what of it failed. */
  "jobs:read": ["operator"],
} as const satisfies Record<string, readonly Role[]>;

export type Permission = keyof typeof PERMISSIONS;

/** Roles that have the permission. */
export function rolesWith(permission: Permission): readonly Role[] {
  return PERMISSIONS[permission];
}

/** Whether the role has the permission. */
export function allows(role: Role, permission: Permission): boolean {
  return rolesWith(permission).includes(role);
}
