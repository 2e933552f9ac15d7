import { z } from "zod";

/**
 * A queue message: a tenant with work due for a job. The work itself stands in the tenant's
 * database, so that a message may be lost, doubled or late and nothing is wrong for long.
 */
export const Doorbell = z.strictObject({
  job: z.string(),
  /** Checked against the registry when the message comes back. */
  tenant_id: z.string(),
  slug: z.string(),
  /** The one thing that it is about; left out where the job looks for itself. */
  item: z.string().optional(),
  /** Rung by the job itself because more is due: the token of its chain, where it has one. */
  again: z.union([z.literal(true), z.string()]).optional(),
});

export type Doorbell = z.infer<typeof Doorbell>;

/** Queues of a deployment, each with a consumer of its own. */
export type QueueName = "doorbells" | "deliveries" | "dead-letters";

/** A job as those know it who ring for it. Whoever does the work declares it, once. */
export interface JobAddress {
  /** `area.what`, as messages, logs and audit rows name it. */
  readonly name: string;
  /** Which queue's consumer does it. */
  readonly queue: QueueName;
}

/** A doorbell, and the queue that takes it to its consumer. */
export interface Bell {
  readonly queue: QueueName;
  readonly body: Doorbell;
}

/** Whose bell is rung. */
export interface House {
  readonly id: string;
  readonly slug: string | null;
}

/** A doorbell for a tenant. The platform's own realm has none. */
export function doorbell(
  { name: job, queue }: JobAddress,
  house: House,
  more: { readonly item?: string; readonly again?: Doorbell["again"] } = {},
): Bell {
  if (house.slug === null) throw new Error(`The job ${job} is a tenant's.`);
  return { queue, body: { job, tenant_id: house.id, slug: house.slug, ...more } };
}
