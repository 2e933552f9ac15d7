import { z } from "@hono/zod-openapi";
import { ROLES, TENANT_ROLES } from "../../platform/access/permissions.ts";
import { id, pageOf, pageQuery, strictQuery, Time, text } from "../../platform/http/schemas.ts";

/** Lower-cased: mailboxes that differ by case alone are one to everybody but RFC 5321. */
export const Email = z
  .string()
  .trim()
  .max(254)
  .pipe(z.email())
  .transform((value) => value.toLowerCase())
  .openapi({ type: "string", format: "email", example: "ada@acme.test" });

/** A password as somebody knows it; this bounds what is read. */
export const Password = z.string().min(1).max(1_024).openapi({ example: "correct-horse-battery" });

/** A password that somebody chooses. Length and strength are judged by the password policy. */
export const NewPassword = Password.openapi({
  description: "12 to 256 characters; common passwords and the e-mail itself are refused.",
  minLength: 12,
  maxLength: 256,
  example: "correct-horse-battery",
});

const Name = text(100);
const firstName = Name.openapi({ example: "Ada" });
const lastName = Name.openapi({ example: "Lovelace" });
const TenantRole = z.enum(TENANT_ROLES).openapi({ example: "user" });

export const User = z
  .object({
    id: id("user"),
    email: z.string().nullable().openapi({
      description: "Null where the caller's role may not see other people's addresses.",
      example: "ada@acme.test",
    }),
    first_name: z.string().openapi({ example: "Ada" }),
    last_name: z.string().openapi({ example: "Lovelace" }),
    role: z.enum(ROLES).openapi({ example: "user" }),
    created_at: Time,
    updated_at: Time,
    last_sign_in_at: Time.nullable().optional().describe("For admins."),
    locked_until: Time.nullable()
      .optional()
      .openapi({ description: "For admins: end of a sign-in lock.", example: null }),
  })
  .openapi("User");

export const UserPage = pageOf(User, "UserPage");

export const UserQuery = strictQuery({ ...pageQuery, role: TenantRole.optional() });

export const NewUser = z
  .strictObject({
    email: Email,
    password: NewPassword,
    first_name: firstName,
    last_name: lastName,
    role: TenantRole,
  })
  .openapi("NewUser");

export const UserChanges = z
  .strictObject({
    email: Email.optional(),
    first_name: firstName.optional(),
    last_name: lastName.optional(),
    role: TenantRole.optional(),
  })
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("UserChanges", { description: "What is left out stays as it is.", minProperties: 1 });

export const ProfileChanges = z
  .strictObject({ first_name: firstName.optional(), last_name: lastName.optional() })
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("ProfileChanges", { description: "What is left out stays as it is.", minProperties: 1 });

export const PasswordChange = z
  .strictObject({ current_password: Password, new_password: NewPassword })
  .openapi("PasswordChange", {
    example: { current_password: "correct-horse-battery", new_password: "seven-quiet-lanterns" },
  });
