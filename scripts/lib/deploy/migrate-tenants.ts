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
  const halted = run.state === "halted" ? "The canary failed, so no other was touched" : "";
  throw new Error(
    `${halted || `${run.totals.failed} tenants were not migrated`} (${id}):\n${failed}\nThey go on with the schema they have. Mend what the log says, then: npm run tenants -- migrate --resume ${id}`,
  );
}

/** @returns the id of a new run, or of the one that is under way */
async function begin(canary: string | undefined, site: Site, tools: Tools): Promise<string> {
  try {
    const body = canary ? { canary } : {};
    const { id } = await site.operators.call<Run>({ method: "POST", path: "/migrations", body });
    tools.say(`Migrating the tenants (${id}).`);
    return id;
  } catch (error) {
    const open = error instanceof ApiProblem && error.code === "migration-running";
    if (!open) throw error;
    const { data } = await site.operators.call<{ data: Run[] }>({ path: "/migrations?limit=1" });
    const id = data[0]?.id;
    if (!id) throw error;
    tools.say(`Tenants are being migrated already (${id}).`);
    return id;
  }
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
