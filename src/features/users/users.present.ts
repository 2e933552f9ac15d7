import type { z } from "zod";
import { allows } from "../../platform/access/permissions.ts";
import type { Principal } from "../../platform/access/principal.ts";
import type { UserView } from "./users.repository.ts";
import type { User } from "./users.schemas.ts";

/** A user as this viewer may see it. */
export function presentUser(
  user: Omit<UserView, "lockedUntil"> & { readonly lockedUntil?: Date | null },
  viewer: Principal,
): z.input<typeof User> {
  const role = viewer.kind === "user" ? viewer.role : null;
  const self = viewer.kind === "user" && viewer.id === user.id;
  const seesEmail = self || (role !== null && allows(role, "user_emails:read"));
  return {
    id: user.id,
    email: seesEmail ? user.email : null,
    first_name: user.firstName,
    last_name: user.lastName,
    role: user.role,
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
    ...(role !== null && allows(role, "user_sign_ins:read")
      ? {
          last_sign_in_at: user.lastSignInAt?.toISOString() ?? null,
          locked_until: user.lockedUntil?.toISOString() ?? null,
        }
      : {}),
  };
}
