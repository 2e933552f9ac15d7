import type { z } from "zod";
import { allows, type Role } from "../../platform/access/permissions.ts";
import type { UserView } from "./users.repository.ts";
import type { User } from "./users.schemas.ts";

/** A user as this viewer may see it. */
export function presentUser(
  user: Omit<UserView, "lockedUntil"> & { readonly lockedUntil?: Date | null },
  viewer: { readonly id: string; readonly role: Role },
): z.input<typeof User> {
  const seesEmail = viewer.id === user.id || allows(viewer.role, "user_emails:read");
  return {
    id: user.id,
    email: seesEmail ? user.email : null,
    first_name: user.firstName,
    last_name: user.lastName,
    role: user.role,
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
    ...(allows(viewer.role, "user_sign_ins:read")
      ? {
          last_sign_in_at: user.lastSignInAt?.toISOString() ?? null,
          locked_until: user.lockedUntil?.toISOString() ?? null,
        }
      : {}),
  };
}
