import type { z } from "zod";
import type { PlatformCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { Failure } from "../../platform/problems.ts";
import {
  chooseCell,
  claimTenant,
  isReservedSlug,
  provisionTenant,
  tenantOrigin,
} from "../../platform/tenancy/index.ts";
import { sealSeed, seedTenant } from "../registration/index.ts";
import type { SeedArchive } from "./seed.schemas.ts";
import { toSeed } from "./seed-form.ts";

/**
 * Makes a tenant of the people of another system. It is provisioned as every other, and so resumed when
 * it is cut off.
 * @throws Failure `slug-reserved`, `slug-taken`, `pool-exhausted`, `misdirected`
 */
export async function importSeed(ctx: PlatformCtx, form: z.output<typeof SeedArchive>) {
  const { slug, name, region = null } = form.tenant;
  if (isReservedSlug(slug)) throw new Failure("slug-reserved");
  await chooseCell(ctx, region);
  const id = newId("tenant");
  const pendingSeed = await sealSeed(ctx, id, toSeed(form));
  await claimTenant(
    ctx,
    { id, slug, name, pendingSeed, region },
    [],
    [
      {
        action: "tenant.claimed",
        target: id,
        details: { slug, users: form.users.length, actors: form.actors.length },
      },
    ],
  );
  await provisionTenant(ctx, id, seedTenant);
  return {
    id,
    slug,
    name,
    url: tenantOrigin(slug, ctx.settings.BASE_URL),
    status: "active" as const,
  };
}
