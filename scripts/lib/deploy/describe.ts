import { boundDatabases, versionOf } from "./deployed.ts";
import { controlDatabaseName, poolSizeOf } from "./names.ts";
import type { Plan, PlannedCell, WorkerPlan } from "./plan.ts";

/** The plan as a person reads it before it is carried out: what there is, and what comes. */
export function describePlan(plan: Plan): string[] {
  const { environment, cells, router, newControl, newQueues, newDatabases } = plan;
  const control = controlDatabaseName(environment);
  return [
    `${environment.base_url} becomes ${plan.version}.`,
    ...(plan.isGrowth ? [] : [`  control   ${control}: ${newControl ? "new" : "there"}, migrated`]),
    ...newQueues.map((queue) => `  queue     ${queue}: new`),
    ...placed(newDatabases.length),
    ...cells.map(describeCell),
    ...(router ? [`  router    ${describeWorker(router)}`] : []),
  ];
}

function placed(count: number): string[] {
  return count > 0 ? [`  databases ${count} are made where they have to stand`] : [];
}

function describeCell(plan: PlannedCell): string {
  const bound = poolSizeOf([...boundDatabases(plan.before?.bindings).keys()]);
  const more = plan.size > bound ? `, ${plan.size - bound} of them new` : "";
  const secret = plan.putsMasterKey ? "; MASTER_KEY is put" : "";
  const objects = plan.isOneWay ? "; changes Durable Objects, so there is no way back" : "";
  return `  cell      ${describeWorker(plan)}; ${plan.size} databases${more}${secret}${objects}`;
}

function describeWorker({ name, before }: WorkerPlan): string {
  return `${name}: ${before ? `from ${versionOf(before)}` : "new"}`;
}
