/**
 * What must not compile, checked by `npm run types`: an error that is expected and does not come
 * fails it.
 */
import { expectTypeOf } from "vitest";
import type { Ctx, PlatformCtx, TenantCtx } from "../../src/platform/context.ts";
import {
  type ControlDb,
  commit,
  type Reader,
  type RealmDb,
  realm,
  type Step,
  type Tenancy,
  type TenantDb,
  write,
} from "../../src/platform/tenancy/index.ts";

declare const ctx: TenantCtx;
declare const platform: PlatformCtx;
declare const someDb: RealmDb;
declare const steps: Step[];
declare const reader: Reader;

// A TenantDb comes from tenancy alone: neither a look-alike, nor a base type, nor the other kind.
const read: RealmDb["read"] = ctx.db.read;
// @ts-expect-error -- the brand is missing, and nobody outside can name it
export const made: TenantDb = { realmId: "tenant_1", read };
// @ts-expect-error
export const widened: TenantDb = someDb;
// @ts-expect-error
export const control: TenantDb = platform.db;
// @ts-expect-error
export const tenant: ControlDb = ctx.db;
// @ts-expect-error -- a raw binding is no realm's database
export const raw: RealmDb = {} as D1Database;
// @ts-expect-error
export const tenancy: Tenancy = {};
// @ts-expect-error -- a use case of a tenant is not one of the platform
export const mixed: PlatformCtx = ctx;
expectTypeOf(ctx).toExtend<Ctx>();
expectTypeOf<keyof TenantDb & string>().toEqualTypeOf<
  "realmId" | "schemaVersion" | "read" | "readAndWeigh"
>();

// No commit without an audit entry.
// @ts-expect-error
void commit(ctx, steps);
// @ts-expect-error
void commit(ctx, steps, []);
// @ts-expect-error -- an entry says what was done
void commit(ctx, steps, [{}]);
// @ts-expect-error -- entries may be many; none cannot be ruled out here
void commit(ctx, steps, [] as { action: string }[]);
expectTypeOf(commit(ctx, steps, [{ action: "test.done" }], { id: 1 })).resolves.toEqualTypeOf<{
  id: number;
}>();

// Steps are writes that say how many rows they change; conditions say what their failure means.
const update = write.update(realm).set({ name: "x" });
expectTypeOf({ statement: update, expect: 1, as: "x.y" } as const).toExtend<Step>();
// @ts-expect-error
export const uncounted: Step = { statement: update, as: "x.y" };
// @ts-expect-error
export const anyNumber: Step = { statement: update, expect: 2, as: "x.y" };
// @ts-expect-error -- a select changes nothing
export const select: Step = { statement: reader.select().from(realm), expect: "any", as: "x.y" };

// Reading is selecting.
void ctx.db.read((only) => only.select().from(realm));
// @ts-expect-error
void ctx.db.read((only) => only.insert(realm));
// @ts-expect-error
void ctx.db.read((only) => only.update(realm).set({ name: "x" }));
// @ts-expect-error
void ctx.db.read((only) => only.delete(realm));
// @ts-expect-error -- leads on to writes
void ctx.db.read((only) => only.with().delete(realm));
// @ts-expect-error
void ctx.db.read((only) => only.run("DELETE FROM realm"));
// @ts-expect-error
void ctx.db.read((only) => only.batch([]));
// @ts-expect-error -- writes run through commit alone
void ctx.db.batch([]);
