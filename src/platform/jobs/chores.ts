import type { TenantCtx } from "../context.ts";

/**
 * The rounds that the clock starts: a walk to the tenants' doors, with one bell at each.
 * Those with work are visited often. All are visited so seldom that ten thousand of them cost next
 * to nothing while they are idle.
 */
export const ROUNDS = {
  sweep: { cron: "* * * * *", which: "active" },
  health: { cron: "*/5 * * * *", which: "active" },
  review: { cron: "*/30 * * * *", which: "active" },
  cleanup: { cron: "0 * * * *", which: "active" },
  idle: { cron: "10 */4 * * *", which: "all" },
  nightly: { cron: "40 2 * * *", which: "all" },
} as const satisfies Record<string, { cron: string; which: "active" | "all" }>;
export type Round = keyof typeof ROUNDS;

/** Work on one tenant that comes round by the clock. */
export interface Chore {
  /** `area.what`, as logs and the run log name it. */
  readonly name: string;
  /** The rounds that it is part of. */
  readonly rounds: readonly Round[];
  /**
   * May be called too often and twice at once. It looks whether something is due; what takes long it
   * leaves to a doorbell of its own, since the chores of a visit share its time.
   */
  readonly run: (ctx: TenantCtx) => Promise<void>;
}
