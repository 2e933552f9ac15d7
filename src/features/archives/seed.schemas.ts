import { z } from "@hono/zod-openapi";
import { TENANT_ROLES } from "../../platform/access/permissions.ts";
import { text } from "../../platform/http/schemas.ts";
import { REGIONS } from "../../platform/regions.ts";
import { isSlug } from "../../platform/tenancy/index.ts";
import { ACTOR_TYPES } from "../actors/index.ts";
import { Email } from "../users/index.ts";

/** One commit makes them all. */
const MOST_PEOPLE = 1_000;

const since = z.iso.datetime({ offset: true }).optional().openapi({
  description: "Now, if left out.",
  example: "2024-03-01T08:00:00.000Z",
});

const SeedUser = z.strictObject({
  email: Email,
  first_name: text(100).openapi({ example: "Ada" }),
  last_name: text(100).openapi({ example: "Lovelace" }),
  role: z.enum(TENANT_ROLES).openapi({ example: "admin" }),
  password_hash: z
    .string()
    .regex(/^\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$/, "is no bcrypt hash of cost 4 to 14")
    .openapi({ example: "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW" }),
  is_active: z.boolean().default(true).openapi({
    description: "Who is not active comes without a password: nobody signs in as them.",
  }),
  created_at: since,
});

const SeedActor = z.strictObject({
  type: z.enum(ACTOR_TYPES).openapi({ example: "support" }),
  name: text(200).openapi({ example: "Grace Hopper" }),
  active: z.boolean().default(true),
  created_at: since,
});

/** People and actors of a system that is left behind. `docs/archives.md` describes it. */
export const SeedArchive = z
  .strictObject({
    format: z.literal("rowhouse-seed"),
    version: z.literal(1),
    tenant: z.strictObject({
      slug: z.string().refine(isSlug, "is no slug").openapi({ example: "acme" }),
      name: text(200).openapi({ example: "Acme Inc." }),
      region: z.enum(REGIONS).optional(),
    }),
    users: z.array(SeedUser).min(1).max(MOST_PEOPLE),
    actors: z.array(SeedActor).max(MOST_PEOPLE).default([]),
  })
  .superRefine(({ users }, ctx) => {
    if (!users.some(({ role, is_active }) => role === "admin" && is_active)) {
      ctx.addIssue({ code: "custom", path: ["users"], message: "must have an active admin" });
    }
    const first = new Map<string, number>();
    for (const [index, { email }] of users.entries()) {
      const message = `is the e-mail of /users/${first.get(email)} too`;
      if (first.has(email))
        ctx.addIssue({ code: "custom", path: ["users", index, "email"], message });
      else first.set(email, index);
    }
  })
  .openapi("SeedArchive", {
    example: {
      format: "rowhouse-seed",
      version: 1,
      tenant: { slug: "acme", name: "Acme Inc." },
      users: [
        {
          email: "ada@acme.test",
          first_name: "Ada",
          last_name: "Lovelace",
          role: "admin",
          password_hash: "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        },
      ],
    },
  });
