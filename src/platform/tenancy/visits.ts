import { and, asc, eq, gt, isNull, lte, or } from "drizzle-orm";
import type { Ctx, PlatformCtx } from "../context.ts";
import type { House } from "../jobs/doorbell.ts";
import { MOST_AT_ONCE } from "../jobs/queues.ts";
import { createLru } from "../lru.ts";
import { commitAside } from "./commit.ts";
import { tenants } from "./registry.tables.ts";
import { write } from "./statements.ts";
import { createTenancy, internalsOf, platformCtx } from "./tenancy.ts";

/** A tenant says that it is active once in so long, in ms. */
const SAID_EVERY_MS = 3_600_000;
/** Who said so within this time is visited often: an hour of silence and one of grace, in ms. */
const ACTIVE_FOR_MS = 2 * SAID_EVERY_MS;
/** Tenants whose last word an isolate remembers. */
const KEPT = 10_000;

/** When this isolate last heard of it; spares most of the writes. */
const said = createLru<number>(KEPT);

/** A walk past the doors of this cell's tenants, in the order of their ids. */
export interface Walk {
  /** All of them, or only those that have lately said that they have work. */
  readonly which: "all" | "active";
  /** Id of the tenant after which it begins; empty for the first. */
  readonly after: string;
}

/**
 * Walks past the tenants, a page at a time. It touches no tenant's database: `call` rings there.
 * @param call is given the page's tenants, of which there is at least one
 */
export async function visitTenants(
  ctx: PlatformCtx,
  walk: Walk,
  call: (page: readonly House[]) => Promise<void>,
): Promise<void> {
  const since = new Date(Date.now() - ACTIVE_FOR_MS);
  for (let after = walk.after; ; ) {
    const page = await ctx.db.read((reader) =>
      reader
        .select({ id: tenants.id, slug: tenants.slug })
        .from(tenants)
        .where(
          and(
            eq(tenants.cell, ctx.settings.CELL),
            eq(tenants.state, "active"),
            gt(tenants.id, after),
            walk.which === "active" ? gt(tenants.activeAt, since) : undefined,
          ),
        )
        .orderBy(asc(tenants.id))
        .limit(MOST_AT_ONCE),
    );
    const last = page.at(-1);
    if (last) await call(page);
    if (!last || page.length < MOST_AT_ONCE) return;
    after = last.id;
  }
}

/**
 * Notes in the registry that a tenant has work, at most once an hour. For jobs and for requests that
 * could not ring, not for all requests.
 */
export async function sayActive(ctx: Ctx, { id }: House = ctx.realm): Promise<void> {
  const now = Date.now();
  if (now - (said.get(id) ?? 0) < SAID_EVERY_MS) return;
  const old = new Date(now - SAID_EVERY_MS);
  // By a way of its own: a request's bookmark stays that of the realm which it has changed itself.
  const tenancy = createTenancy(internalsOf(ctx.tenancy));
  await commitAside(
    platformCtx({ ...ctx, tenancy }),
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
