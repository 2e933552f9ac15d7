import { z } from "@hono/zod-openapi";
import { id, Time, text } from "../../platform/http/schemas.ts";
import { REGIONS } from "../../platform/regions.ts";
import { isSlug } from "../../platform/tenancy/index.ts";
import { SignedInUser } from "../auth/index.ts";
import { Email, NewPassword } from "../users/index.ts";

export const Slug = z
  .string()
  .refine(isSlug, "must be 3 to 40 of a-z, 0-9 and dashes, with no dash at either end")
  .openapi({
    description: "Name of the door. Never changes, never given again.",
    example: "acme",
    minLength: 3,
    maxLength: 40,
    pattern: "^[a-z0-9][a-z0-9-]*[a-z0-9]$",
  });

export const Registration = z
  .strictObject({
    company_name: text(200).openapi({ example: "Acme Inc." }),
    slug: Slug,
    admin_email: Email,
    admin_password: NewPassword,
    admin_first_name: text(100).openapi({ example: "Ada" }),
    admin_last_name: text(100).openapi({ example: "Lovelace" }),
    region: z.enum(REGIONS).optional().openapi({
      description: "Where its data has to stay; anywhere, if left out.",
      example: "eu",
    }),
    invitation: z.string().max(200).optional().openapi({
      description: "Needed where registration is by invitation.",
    }),
  })
  .openapi("Registration");

export const TenantSummary = z
  .object({
    id: id("tenant"),
    slug: z.string().openapi({ example: "acme" }),
    name: z.string().openapi({ example: "Acme Inc." }),
    url: z.url().openapi({
      description: "The tenant's door.",
      example: "https://acme.rowhouse.example",
    }),
    status: z
      .enum(["provisioning", "active", "suspended", "deactivated"])
      .openapi({ example: "active" }),
  })
  .openapi("TenantSummary");

export const Registered = SignedInUser.extend({ tenant: TenantSummary }).openapi("Registered");

export const NewInvitation = z
  .strictObject({
    expires_in_days: z.int().min(1).max(90).default(14),
  })
  .openapi("NewInvitation", { example: { expires_in_days: 14 } });

export const Invitation = z
  .object({
    id: id("invitation"),
    token: z.string().openapi({ description: "Shown this once.", example: "rwi_…" }),
    expires_at: Time,
  })
  .openapi("Invitation");
