/** A body as it is posted, and what stands in a list. */
export type Members = Readonly<Record<string, unknown>>;

/** Things of the demo that the API would make twice: what is there is found by one of its members. */
export interface Collection {
  readonly path: string;
  /** Where what the demo made is on the first page, whatever else was added. */
  readonly query: string;
  readonly bodies: readonly Members[];
  /** The member that tells these from others. */
  readonly member: (body: Members) => string;
}

/** Who acts in the demo's business. */
export const ACTORS: Collection = {
  path: "/api/v1/actors",
  query: "limit=100",
  bodies: [
    { type: "support", name: "Sasha of the support team" },
    { type: "manager", name: "Mika of the account team" },
    { type: "system", name: "Billing" },
  ],
  member: () => "name",
};

/** Which values of its metrics are a signal. */
export const RULES: Collection = {
  path: "/api/v1/signal-rules",
  query: "metric=checkout_latency_ms",
  bodies: [
    {
      metric: "checkout_latency_ms",
      operator: ">",
      threshold: 750,
      duration_seconds: 60,
      severity: "high",
    },
  ],
  member: () => "metric",
};

/** One that breaches what the company promises, and one by hand. */
export const SIGNALS: Collection = {
  path: "/api/v1/signals",
  query: "ordering=opened_at&limit=100",
  bodies: [
    { response_time_ms: 1_450 },
    { severity: "warning", title: "Customers say that invoices come late" },
  ],
  member: (body) => ("title" in body ? "title" : "response_time_ms"),
};
