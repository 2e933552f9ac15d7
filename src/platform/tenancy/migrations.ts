import start from "../../../migrations/tenant/0000_start.sql";
import auditTriggers from "../../../migrations/tenant/0001_audit_triggers.sql";
import services from "../../../migrations/tenant/0002_services.sql";
import webhooks from "../../../migrations/tenant/0003_webhooks.sql";
import plansAndCalling from "../../../migrations/tenant/0004_plans_and_calling.sql";
import destinations from "../../../migrations/tenant/0005_destinations.sql";
import actors from "../../../migrations/tenant/0006_actors.sql";
import signals from "../../../migrations/tenant/0007_signals.sql";
import usage from "../../../migrations/tenant/0008_usage.sql";

/** One file of `migrations/tenant`. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** Every tenant migration, oldest first. A test compares the list with the folder. */
export const TENANT_MIGRATIONS: readonly Migration[] = [
  { name: "0000_start.sql", sql: start },
  { name: "0001_audit_triggers.sql", sql: auditTriggers },
  { name: "0002_services.sql", sql: services },
  { name: "0003_webhooks.sql", sql: webhooks },
  { name: "0004_plans_and_calling.sql", sql: plansAndCalling },
  { name: "0005_destinations.sql", sql: destinations },
  { name: "0006_actors.sql", sql: actors },
  { name: "0007_signals.sql", sql: signals },
  { name: "0008_usage.sql", sql: usage },
];
