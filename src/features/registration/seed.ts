import { z } from "zod";
import { signingKeyStep } from "../../platform/access/signing-key-store.ts";
import type { Ctx } from "../../platform/context.ts";
import { open, seal } from "../../platform/crypto/envelope.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, PLATFORM, type Seeder } from "../../platform/tenancy/index.ts";
import { insertUser, newUser } from "../users/index.ts";
import { insertRealm, isRealmOf } from "./registration.repository.ts";

/** What a new tenant's database begins with. */
const Seed = z.object({
  tenantName: z.string(),
  admin: z.object({
    id: z.string(),
    createdAt: z.number(),
    email: z.string(),
    first_name: z.string(),
    last_name: z.string(),
    passwordHash: z.string(),
  }),
});
export type Seed = z.infer<typeof Seed>;

/** Seals a seed for the registry, where it waits until the tenant is active. */
export function sealSeed(ctx: Ctx, tenantId: string, seed: Seed): Promise<string> {
  return seal(ctx.settings.MASTER_KEY, sealContext(tenantId), JSON.stringify(seed));
}

/** Gives a migrated database its realm row, first signing key and admin: all or nothing, once. */
export const seedTenant: Seeder = async (ctx, sealed, plan) => {
  const seed = Seed.parse(
    JSON.parse(await open(ctx.settings.MASTER_KEY, sealContext(ctx.realm.id), sealed)),
  );
  const { admin } = seed;
  const [kid, addKey] = await signingKeyStep(ctx, 1);
  const made = new Date(admin.createdAt);
  const user = {
    ...newUser({ ...admin, role: "admin" }, admin.passwordHash),
    id: admin.id,
    createdAt: made,
    updatedAt: made,
  };
  try {
    await commit(
      ctx,
      [insertRealm(ctx.realm.id, seed.tenantName, plan), addKey, insertUser(user)],
      [
        { action: "tenant.registered", target: ctx.realm.id, details: { name: seed.tenantName } },
        { action: "user.created", target: user.id, details: { email: user.email, role: "admin" } },
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

function sealContext(tenantId: string) {
  return { realm: PLATFORM, purpose: "pending-seed", row: tenantId };
}
