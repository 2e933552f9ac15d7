import { z } from "@hono/zod-openapi";
import { Email, Password, User } from "../users/index.ts";

export const Tokens = z
  .object({
    access_token: z
      .string()
      .openapi({ description: "JWT (RFC 9068) for this door alone.", example: "eyJ…" }),
    token_type: z.literal("Bearer"),
    expires_in: z.int().openapi({
      description: "Life of the access token in seconds.",
      example: 900,
    }),
    refresh_token: z.string().openapi({ description: "Good for one exchange.", example: "rwr_…" }),
  })
  .openapi("Tokens");

export const SignedInUser = Tokens.extend({
  user: User,
  device_token: z.string().openapi({
    description:
      "Send it with later sign-ins: this device stays welcome when others are locked out.",
    example: "rwd_…",
  }),
}).openapi("SignedIn");

export const SignIn = z
  .strictObject({
    email: Email,
    password: Password,
    device_token: z.string().max(200).optional().openapi({
      description: "From an earlier sign-in on this device.",
    }),
    tenant_slug: z.string().max(40).optional().openapi({
      description: "On the platform door only: signs in to this tenant. Without it: operators.",
    }),
  })
  .openapi("SignIn", {
    example: { email: "admin@acme.test", password: "correct-horse-battery" },
  });

export const Refresh = z
  .strictObject({ refresh_token: z.string().min(1).max(200) })
  .openapi("Refresh", { example: { refresh_token: "rwr_…" } });

export const SignOut = z
  .strictObject({ all: z.boolean().default(false).describe("End every session of the user.") })
  .openapi("SignOut", { example: { all: false } })
  .default({ all: false });
