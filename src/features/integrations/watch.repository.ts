import { sql } from "drizzle-orm";
import type { RealmDb } from "../../platform/tenancy/index.ts";
import { destinations } from "../destinations/index.ts";
import { services } from "../services/index.ts";
import { signals } from "../signals/index.ts";

/** What signals of integrations are about, and how their dedupe keys begin. */
export const UNREACHABLE = { kind: "integration.unreachable", key: "integration:" } as const;
export const DISABLED = { kind: "integration.destination_disabled", key: "destination:" } as const;

/** A destination that was disabled, and not by hand. */
export interface DisabledDestination {
  readonly id: string;
  readonly url: string;
  readonly reason: "gone" | "failing";
  /** When, in Unix ms. */
  readonly at: number;
}

/** What a visit finds before it asks any circuit breaker. */
export interface Glance {
  /** How many services are called. */
  readonly called: number;
  readonly disabled: readonly DisabledDestination[];
  /** Slugs of services whose signal is open, and whether such a service is still called. */
  readonly unreachable: readonly { readonly slug: string; readonly called: 0 | 1 }[];
  /** Ids of destinations whose signal is open. */
  readonly told: readonly string[];
}

/** One look at all that a tenant integrates. Services and destinations are few. */
export async function glance(db: RealmDb): Promise<Glance> {
  const slug = sql`substr(dedupe_key, ${UNREACHABLE.key.length + 1})`;
  const id = sql`substr(dedupe_key, ${DISABLED.key.length + 1})`;
  const open = (kind: string) => sql`FROM ${signals} WHERE kind = ${kind} AND resolved_at IS NULL`;
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          called: sql<number>`(SELECT count(*) FROM ${services} WHERE api IS NOT NULL)`,
          disabled: sql<string>`(SELECT json_group_array(json_object(
              'id', id, 'url', url, 'reason', disabled_reason, 'at', disabled_at))
            FROM ${destinations}
            WHERE status = 'disabled' AND disabled_reason <> 'manual' AND deleted_at IS NULL)`,
          unreachable: sql<string>`(SELECT json_group_array(json_object('slug', ${slug},
              'called', EXISTS (SELECT 1 FROM ${services} WHERE slug = ${slug} AND api IS NOT NULL)))
            ${open(UNREACHABLE.kind)})`,
          told: sql<string>`(SELECT json_group_array(${id}) ${open(DISABLED.kind)})`,
        })
        .from(sql`(SELECT 1)`),
    "primary",
  );
  if (!row) throw new Error("A select without a table has one row.");
  return {
    called: row.called,
    disabled: JSON.parse(row.disabled) as Glance["disabled"],
    unreachable: JSON.parse(row.unreachable) as Glance["unreachable"],
    told: JSON.parse(row.told) as Glance["told"],
  };
}
