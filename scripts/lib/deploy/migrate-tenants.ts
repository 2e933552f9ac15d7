import { setTimeout as pause } from "node:timers/promises";
import { ApiProblem } from "../operators-api.ts";
import type { Plan } from "./plan.ts";
import type { Site } from "./site.ts";
import { canaryOf } from "./smoke-test.ts";
import type { Tools } from "./tools.ts";

interface Run {
  readonly id: string;
  readonly state: "canary" | "fleet" | "halted" | "done";
  readonly totals: { readonly pending: number; readonly done: number; readonly failed: number };
  readonly failures: readonly { readonly slug: string; readonly error: string }[];
}

const BETWEEN_LOOKS_MS = 2_000;
/** A cell takes up its share within a minute; one that does nothing for so long is not at it. */
const STANDSTILL_MS = 10 * 60_000;

/**
 * Has all tenants' databases brought up to this release, the canary's first. This release runs on their
 * old ones too, so nothing is rolled back when some of them fail.
 *
 * @throws Error naming the tenants that failed, or saying that it goes on without us
 */
export async function migrateTenants(plan: Plan, site: Site, tools: Tools): Promise<void> {
  const id = await begin(await canaryOf(plan, site), site, tools);
  const run = await end(id, site, tools);
  if (run.state === "done" && run.totals.failed === 0) {
    tools.say(`Tenants migrated: ${run.totals.done}.`);
    return;
  }
  const failed = run.failures.map(({ slug, error }) => `  ${slug}: ${error}`).join("\n");
  const isCancelled = run.failures.some(({ error }) => error === "cancelled");
  const byCanary = run.state === "halted" && !isCancelled;
  const halted = byCanary ? "The canary failed, so no other was touched" : "";
  throw new Error(
    `${halted || `${run.totals.failed} tenants were not migrated`} (${id}):\n${failed}\nThey go on with the schema they have. Mend what the log says, then: npm run tenants -- migrate --resume ${id}`,
  );
}

/**
 * Begins a run of this release's. One that is open may be of the release before, which leaves tenants
 * behind, so it is waited for and then followed by our own, whatever came of it.
 *
 * @returns the id of our own
 */
async function begin(canary: string | undefined, site: Site, tools: Tools): Promise<string> {
  const body = canary ? { canary } : {};
  for (;;) {
    try {
      const { id } = await site.operators.call<Run>({ method: "POST", path: "/migrations", body });
      tools.say(`Migrating the tenants (${id}).`);
      return id;
    } catch (error) {
      const open = openRun(error);
      if (open === undefined) throw error;
      tools.say(`Tenants are being migrated already (${open}); waiting for that.`);
      await end(open, site, tools);
    }
  }
}

/** The run that another one has to wait for, where that is what the error says. */
function openRun(error: unknown): string | undefined {
  if (!(error instanceof ApiProblem) || error.code !== "migration-running") return;
  const { migration_id: id } = error.document;
  return typeof id === "string" ? id : undefined;
}

async function end(id: string, site: Site, tools: Tools): Promise<Run> {
  let seen = "";
  let since = Date.now();
  for (;;) {
    const run = await site.operators.call<Run>({ path: `/migrations/${id}` });
    if (run.state === "done" || run.state === "halted") return run;
    const { pending, done, failed } = run.totals;
    const now = `  ${done} done, ${failed} failed, ${pending} to go`;
    if (now !== seen) {
      tools.say(now);
      seen = now;
      since = Date.now();
    } else if (Date.now() - since > STANDSTILL_MS) {
      throw new Error(`The migration ${id} stands still; it goes on by itself when it can.`);
    }
    await pause(BETWEEN_LOOKS_MS);
  }
}
