import { z } from "zod";

/** What a plan bounds for good, and not by the minute. */
export const QUOTAS = ["users", "services", "events_per_month", "storage_bytes"] as const;
export type QuotaName = (typeof QUOTAS)[number];

/** So many at most; null: any number. */
export type Quotas = Readonly<Record<QuotaName, number | null>>;

/** Quotas that somebody has set; what is left out is as usual. */
export type QuotaOverrides = { readonly [name in QuotaName]?: number | null | undefined };

const amount = z.int().min(0).nullable().optional();

export const QuotaSettings = z.strictObject({
  users: amount,
  services: amount,
  events_per_month: amount,
  storage_bytes: amount,
} satisfies Record<QuotaName, z.ZodType>);

/**
 * What a plan bounds that says nothing of it: only storage. D1 holds 10 GB a database, and what is
 * left of them is for webhooks, which are never refused.
 */
const USUAL: Quotas = {
  users: null,
  services: null,
  events_per_month: null,
  storage_bytes: 9_000_000_000,
};

/** Each quota by the first of these that sets it. */
export function firstOf(...settings: readonly (QuotaOverrides | null | undefined)[]): Quotas {
  const entries = QUOTAS.map((name) => {
    const setter = settings.find((each) => each?.[name] !== undefined);
    return [name, setter?.[name] ?? (setter ? null : USUAL[name])];
  });
  return Object.fromEntries(entries) as Quotas;
}
