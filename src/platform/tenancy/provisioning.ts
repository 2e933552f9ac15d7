import { and, eq, inArray, lt, sql } from "drizzle-orm";
import type { PlatformCtx, TenantCtx } from "../context.ts";
import { DEFAULT_PLAN, type RealmPlan } from "../limits/plans.ts";
import { errorFields } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import type { Region } from "../regions.ts";
import type { AuditEntry, NonEmpty } from "./audit-entry.ts";
import { tenantDatabases } from "./cells.tables.ts";
import { chooseCell } from "./cells.ts";
import { commit } from "./commit.ts";
import { claimDatabase } from "./databases.ts";
import { forgetRoute, type TenantRoute } from "./directory.ts";
import { type TenantState, tenants } from "./registry.tables.ts";
import { migrateTenant } from "./schema-version.ts";
import { type Step, write } from "./statements.ts";
import { openRoute } from "./tenancy.ts";

/** A tenant about to be. `pendingSeed` is what the seeder needs, sealed. */
export interface Claim {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly pendingSeed: string;
  /** Where its data has to stay; null: anywhere. */
  readonly region: Region | null;
}

/**
 * Fills a migrated, empty database. May be called again after it had succeeded.
 * @param plan what the registry says of the tenant's plan so far
 */
export type Seeder = (ctx: TenantCtx, pendingSeed: string, plan: RealmPlan) => Promise<void>;

/** A request provisions its own tenant; only what lies still for so long is resumed, in ms. */
const ABANDONED_MS = 60_000;
/** Tenants resumed per run of the job. */
const RESUMED = 10;

/** The tenant stands in the registry, but its own database is not ready yet. */
const UNFINISHED: readonly TenantState[] = ["claimed", "migrating", "seeding"];

/**
 * Reserves the slug and a free database in one conditional write. Of all who want a slug, or the
 * last database, one wins.
 * @throws Failure `slug-taken`, `pool-exhausted`, or `misdirected` when another cell has room; nothing is
 * left behind
 */
export async function claimTenant(
  ctx: PlatformCtx,
  claim: Claim,
  steps: readonly Step[],
  audit: NonEmpty<AuditEntry>,
): Promise<void> {
  const now = Date.now();
  const { id, slug, name, pendingSeed, region } = claim;
  // In the order of the table's columns; the database is the one that the step before has claimed.
  const insert = write.insert(tenants).select(
    sql`SELECT ${id}, ${slug}, ${name}, ${DEFAULT_PLAN}, cell, binding, 'claimed', 0, ${pendingSeed},
      NULL, NULL, ${now}, ${now}, 1, NULL, NULL, ${region}
      FROM ${tenantDatabases} WHERE tenant_id = ${id}`,
  );
  const claimed = commit(
    ctx,
    [
      claimDatabase(ctx, id, "serving"),
      {
        statement: insert,
        expect: 1,
        as: "tenants.claim",
        taken: { "tenants.slug": "slug-taken" },
      },
      ...steps,
    ],
    audit,
  );
  await claimed.catch((error) => elsewhere(ctx, region, error));
  forgetRoute(claim.slug);
}

/** Who lost the race for the last database here is sent on to a cell that has one. */
async function elsewhere(ctx: PlatformCtx, region: Region | null, error: unknown): Promise<never> {
  if (error instanceof Failure && error.code === "pool-exhausted") await chooseCell(ctx, region);
  throw error;
}

/**
 * Takes a claimed tenant to `active`: `claimed -> migrating -> seeding -> active`. Every step may
 * be repeated, so it can be called again after a crash, by the job or by two callers at once.
 */
export async function provisionTenant(
  ctx: PlatformCtx,
  tenantId: string,
  seed: Seeder,
): Promise<void> {
  const tenant = await unfinished(ctx, tenantId);
  if (!tenant) return;
  if (tenant.state === "claimed") await advance(ctx, tenant, "claimed", "migrating");
  if (tenant.state !== "seeding") {
    await migrateTenant(ctx, tenant);
    await advance(ctx, tenant, "migrating", "seeding");
  }
  await seed(await openRoute(ctx, tenant), tenant.pendingSeed ?? "", tenant);
  await advance(ctx, tenant, "seeding", "active");
  forgetRoute(tenant.slug);
}

/** Finishes what crashed or was cut off. One tenant's failure does not hold up the others. */
export async function resumeProvisioning(ctx: PlatformCtx, seed: Seeder): Promise<void> {
  const rows = await ctx.db.read(
    (reader) =>
      reader
        .select({ id: tenants.id })
        .from(tenants)
        .where(
          and(
            inArray(tenants.state, [...UNFINISHED]),
            eq(tenants.cell, ctx.settings.CELL),
            lt(tenants.updatedAt, new Date(Date.now() - ABANDONED_MS)),
          ),
        )
        // At random, so that a few that always fail do not stand before all others.
        .orderBy(sql`random()`)
        .limit(RESUMED),
    "primary",
  );
  for (const { id } of rows) {
    try {
      await provisionTenant(ctx, id, seed);
      ctx.log.info("provisioning resumed", { tenant: id });
    } catch (error) {
      ctx.log.error("provisioning failed", { tenant: id, ...errorFields(error) });
    }
  }
}

async function unfinished(ctx: PlatformCtx, tenantId: string) {
  const [row] = await ctx.db.read(
    (reader) => reader.select().from(tenants).where(eq(tenants.id, tenantId)),
    "primary",
  );
  if (!row) throw new Failure("not-found");
  return UNFINISHED.includes(row.state) ? row : null;
}

/** One transition. Whoever comes second finds it done; that is no error. */
async function advance(
  ctx: PlatformCtx,
  tenant: TenantRoute,
  from: TenantState,
  to: TenantState,
): Promise<void> {
  const done = to === "active" ? { pendingSeed: null } : {};
  await commit(
    ctx,
    [
      {
        statement: write
          .update(tenants)
          .set({ state: to, updatedAt: new Date(), version: sql`${tenants.version} + 1`, ...done })
          .where(and(eq(tenants.id, tenant.id), eq(tenants.state, from))),
        expect: "any",
        as: "tenants.advance",
      },
    ],
    [
      {
        action: "tenant.state_changed",
        target: tenant.id,
        details: { from, to },
        whenChanged: "tenants.advance",
      },
    ],
  );
}
