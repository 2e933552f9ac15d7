import { and, asc, eq, gt, isNull, lte, or } from "drizzle-orm";
import type { PlatformCtx, TenantCtx } from "../context.ts";
import { doorbell, type JobAddress } from "../jobs/doorbell.ts";
import { MOST_AT_ONCE } from "../jobs/queues.ts";
import { createLru } from "../lru.ts";
import { commit } from "./commit.ts";
import { tenants } from "./registry.tables.ts";
import { write } from "./statements.ts";
import { platformCtx } from "./tenancy.ts";

/** A tenant says that it is active once in so long, in ms. */
const SAID_EVERY_MS = 3_600_000;
/** Who said so within this time is visited often: an hour of silence and one of grace, in ms. */
const ACTIVE_FOR_MS = 2 * SAID_EVERY_MS;
/** Tenants whose last word an isolate remembers. */
const KEPT = 10_000;

/** When this isolate last heard of it; spares most of the writes. */
const said = createLru<number>(KEPT);

/**
 * Rings a bell at every tenant of this cell, or only at the active ones, a page at a time: the
 * scheduled handler touches no tenant's database.
 */
export async function visitTenants(
  ctx: PlatformCtx,
  job: JobAddress,
  which: "all" | "active",
): Promise<void> {
  const since = new Date(Date.now() - ACTIVE_FOR_MS);
  for (let after = ""; ; ) {
    const page = await ctx.db.read((reader) =>
      reader
        .select({ id: tenants.id, slug: tenants.slug })
        .from(tenants)
        .where(
          and(
            eq(tenants.cell, ctx.settings.CELL),
            eq(tenants.state, "active"),
            gt(tenants.id, after),
            which === "active" ? gt(tenants.activeAt, since) : undefined,
          ),
        )
        .orderBy(asc(tenants.id))
        .limit(MOST_AT_ONCE),
    );
    if (page.length > 0) await ctx.queues.ringAll(page.map((house) => doorbell(job, house)));
    if (page.length < MOST_AT_ONCE) return;
    after = page.at(-1)?.id ?? "";
  }
}

/** Notes in the registry that a tenant has work, at most once an hour. For jobs, not for requests. */
export async function sayActive(ctx: TenantCtx): Promise<void> {
  const now = Date.now();
  const { id } = ctx.realm;
  if (now - (said.get(id) ?? 0) < SAID_EVERY_MS) return;
  const old = new Date(now - SAID_EVERY_MS);
  await commit(
    platformCtx(ctx),
    [
      {
        statement: write
          .update(tenants)
          .set({ activeAt: new Date(now) })
          .where(and(eq(tenants.id, id), or(isNull(tenants.activeAt), lte(tenants.activeAt, old)))),
        expect: "any",
        as: "tenants.active",
      },
    ],
    // Without a target: all tenants of a minute share one row of a log that nobody can shorten.
    [{ action: "tenant.seen_active", summed: true }],
  );
  said.set(id, now);
}
