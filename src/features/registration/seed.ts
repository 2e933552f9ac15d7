import { z } from "zod";
import { type Role, TENANT_ROLES } from "../../platform/access/permissions.ts";
import { signingKeyStep } from "../../platform/access/signing-key-store.ts";
import type { Ctx } from "../../platform/context.ts";
import { open, seal } from "../../platform/crypto/envelope.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, PLATFORM, type Seeder } from "../../platform/tenancy/index.ts";
import { ACTOR_TYPES, insertActor } from "../actors/index.ts";
import { insertUser, newUser } from "../users/index.ts";
import { insertRealm, isRealmOf } from "./registration.repository.ts";

const SeedPerson = z.object({
  id: z.string(),
  createdAt: z.number(),
  email: z.string(),
  first_name: z.string(),
  last_name: z.string(),
  passwordHash: z.string(),
});

/** What a new tenant's database begins with. */
const Seed = z.object({
  tenantName: z.string(),
  admin: SeedPerson,
  /** Others, and actors, where they come from another system. */
  people: z.array(SeedPerson.extend({ role: z.enum(TENANT_ROLES) })).default([]),
  actors: z
    .array(
      z.object({
        id: z.string(),
        createdAt: z.number(),
        type: z.enum(ACTOR_TYPES),
        name: z.string(),
        active: z.boolean(),
      }),
    )
    .default([]),
});
export type Seed = z.input<typeof Seed>;

/** Seals a seed for the registry, where it waits until the tenant is active. */
export function sealSeed(ctx: Ctx, tenantId: string, seed: Seed): Promise<string> {
  return seal(ctx.settings.MASTER_KEY, sealContext(tenantId), JSON.stringify(seed));
}

/** Gives a migrated database its realm row, first signing key and admin: all or nothing, once. */
export const seedTenant: Seeder = async (ctx, sealed, plan) => {
  const seed = Seed.parse(
    JSON.parse(await open(ctx.settings.MASTER_KEY, sealContext(ctx.realm.id), sealed)),
  );
  const [kid, addKey] = await signingKeyStep(ctx, 1);
  const users = [{ ...seed.admin, role: "admin" as const }, ...seed.people].map(userOf);
  const actors = seed.actors.map(({ createdAt, ...actor }) => {
    const made = new Date(createdAt);
    return { ...actor, createdAt: made, updatedAt: made, version: 1 };
  });
  try {
    await commit(
      ctx,
      [
        insertRealm(ctx.realm.id, seed.tenantName, plan),
        addKey,
        ...users.map(insertUser),
        ...actors.map(insertActor),
      ],
      [
        { action: "tenant.registered", target: ctx.realm.id, details: { name: seed.tenantName } },
        ...users.map(({ id, email, role }) => {
          return { action: "user.created", target: id, details: { email, role } };
        }),
        ...actors.map(({ id, type, name }) => {
          return { action: "actor.created", target: id, details: { new: { type, name } } };
        }),
        { action: "signing_key.created", target: kid },
      ],
    );
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "conflict") throw error;
    if (!(await isRealmOf(ctx.db, ctx.realm.id))) {
      throw new Error(`The database of ${ctx.realm.id} holds another tenant.`, { cause: error });
    }
    ctx.log.info("tenant was seeded before", { tenant: ctx.realm.id });
  }
};

function userOf(person: z.output<typeof SeedPerson> & { readonly role: Role }) {
  const made = new Date(person.createdAt);
  const user = newUser(person, person.passwordHash);
  return { ...user, id: person.id, createdAt: made, updatedAt: made };
}

function sealContext(tenantId: string) {
  return { realm: PLATFORM, purpose: "pending-seed", row: tenantId };
}
