import type { Bindings } from "../../env.ts";
import type { TenantCtx } from "../context.ts";
import type { House } from "../jobs/doorbell.ts";
import { runJob } from "../jobs/run-job.ts";
import { Failure, type ProblemCode } from "../problems.ts";
import { enterTenant } from "../tenancy/index.ts";

/** What came of a piece of work. */
export type Done<T> = { readonly value: T } | { readonly error: unknown };

/** Does one piece of work in the tenant, with its line in the log. Never throws. */
export async function inHouse<T>(
  env: Bindings,
  job: string,
  house: House | undefined,
  work: (ctx: TenantCtx) => Promise<T>,
): Promise<Done<T>> {
  let done: Done<T> = { error: new Error("The work was not done.") };
  const failed = await runJob(
    env,
    job,
    async (scope) => {
      const ctx = await enterTenant(scope, house?.slug ?? "");
      if (ctx.realm.id !== house?.id) throw new Failure("tenant-not-found");
      return ctx;
    },
    async (ctx) => {
      done = { value: await work(ctx) };
    },
  );
  return failed ?? done;
}

/** The failure that it was, if it was an expected one. */
export function codeOf(error: unknown): ProblemCode | undefined {
  return error instanceof Failure ? error.code : undefined;
}
