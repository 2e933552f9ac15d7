import { makeFirstOperator, signInFaults } from "./first-operator.ts";
import { migrateTenants } from "./migrate-tenants.ts";
import { openDatabases } from "./open-databases.ts";
import type { Plan, WorkerPlan } from "./plan.ts";
import { prepare } from "./prepare.ts";
import type { Site } from "./site.ts";
import { smokeTest } from "./smoke-test.ts";
import type { Tools } from "./tools.ts";
import { deployWorker, rehearse, rollBack, workersOf, writeConfigs } from "./workers.ts";

/**
 * Carries a plan out. Every step looks at what is there and adds what is missing, so a run that was broken
 * off is followed by another one, from the beginning.
 *
 * @throws Error for a person; what was deployed is rolled back when the smoke test fails
 */
export async function carryOut(plan: Plan, site: Site, tools: Tools): Promise<void> {
  refuse([...plan.refusals, ...(await signInFaults(plan, site))]);
  writeConfigs(plan);
  writeConfigs(plan, await prepare(plan, tools));
  await deployOrRollBack(plan, site, tools);
  for (const cell of plan.cells) await openDatabases(cell, site, tools);
  if (!plan.isGrowth) await migrateTenants(plan, site, tools);
}

/** Compiles all that would be deployed. Nothing leaves this machine. */
export async function rehearsal(plan: Plan, tools: Tools): Promise<void> {
  refuse(plan.refusals);
  writeConfigs(plan);
  for (const worker of workersOf(plan)) {
    await rehearse(worker, tools);
    tools.say(`${worker.name} compiles.`);
  }
}

function refuse(refusals: readonly string[]): void {
  if (refusals.length > 0) throw new Error(`Nothing was changed.\n${refusals.join("\n")}`);
}

async function deployOrRollBack(plan: Plan, site: Site, tools: Tools): Promise<void> {
  const touched: WorkerPlan[] = [];
  try {
    for (const worker of workersOf(plan)) {
      // Noted first: an upload that failed may have been half of one.
      touched.push(worker);
      await deployWorker(worker, plan, tools);
    }
    await makeFirstOperator(plan, site.credentials, tools);
    await smokeTest(plan, site, tools);
  } catch (error) {
    const outcome = await rollBack(touched, tools);
    throw new Error([(error as Error).message, ...outcome].join("\n"));
  }
}
