import type { Settings } from "../../env.ts";
import type { TenantRow } from "./tenants.repository.ts";

const DAY_MS = 86_400_000;

/** From when on a tenant that has left may be erased; null while it has not left, or is being erased. */
export function purgeAfter(
  { state, deactivatedAt, updatedAt }: TenantRow,
  { PURGE_GRACE_DAYS }: Settings,
): Date | null {
  if (state !== "deactivated") return null;
  return new Date((deactivatedAt ?? updatedAt).getTime() + PURGE_GRACE_DAYS * DAY_MS);
}
