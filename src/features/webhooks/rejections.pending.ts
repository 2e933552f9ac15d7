/**
 * Rejections that this isolate has not written down yet, by tenant, and whose turn it is to write.
 * Plain data and no promises: no request may wait for what another one has begun.
 */
import type { RejectionReason } from "./webhooks.tables.ts";

/** Equal rejections of one hour; times in ms. */
export interface RejectionSum {
  readonly hour: number;
  /** Slug; empty where there is no such service. */
  readonly service: string;
  readonly reason: RejectionReason;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

interface Pending {
  readonly sums: Map<string, RejectionSum>;
  /** Until when somebody's turn lasts; 0 when it is nobody's. */
  turnUntil: number;
}

const HOUR_MS = 3_600_000;
/** A turn that lasts longer is over: its request may have been cut off. */
const TURN_MS = 10_000;
/** Sums in one commit. */
const MOST_TAKEN = 50;

// Bounded by what tenants have: a service that does not exist has no name here.
const tenants = new Map<string, Pending>();

/** Adds to what is pending. */
export function addRejections(tenant: string, sums: readonly RejectionSum[]): void {
  const pending = tenants.get(tenant) ?? { sums: new Map(), turnUntil: 0 };
  tenants.set(tenant, pending);
  for (const sum of sums) {
    const key = JSON.stringify([sum.hour, sum.service, sum.reason]);
    const before = pending.sums.get(key) ?? { ...sum, count: 0 };
    pending.sums.set(key, {
      ...before,
      count: before.count + sum.count,
      firstAt: Math.min(before.firstAt, sum.firstAt),
      lastAt: Math.max(before.lastAt, sum.lastAt),
    });
  }
}

/** One rejection, now. */
export function oneRejection(service: string, reason: RejectionReason, now: number): RejectionSum {
  const hour = Math.floor(now / HOUR_MS) * HOUR_MS;
  return { hour, service, reason, count: 1, firstAt: now, lastAt: now };
}

/** Takes the turn to write. Returns what ends it, or null while it is somebody else's. */
export function beginTurn(tenant: string, now: number): (() => void) | null {
  const pending = tenants.get(tenant);
  if (!pending || pending.turnUntil > now) return null;
  const until = now + TURN_MS;
  pending.turnUntil = until;
  return () => {
    // Whoever was too slow ends nobody else's.
    if (pending.turnUntil === until) pending.turnUntil = 0;
    if (pending.turnUntil === 0 && pending.sums.size === 0) tenants.delete(tenant);
  };
}

/** Takes what is pending, or as much of it as goes into one commit. */
export function takeRejections(tenant: string): RejectionSum[] {
  const { sums } = tenants.get(tenant) ?? { sums: new Map<string, RejectionSum>() };
  const taken = [...sums].slice(0, MOST_TAKEN);
  for (const [key] of taken) sums.delete(key);
  return taken.map(([, sum]) => sum);
}
