import { Failure } from "../problems.ts";

/** Calls of one isolate that are under way at the same time. */
export interface Slots {
  /**
   * Takes a place for one call.
   * @param callMs for how long the call can last
   * @returns gives it back
   * @throws Failure `overloaded` when none is free
   */
  take(tenantId: string, callMs: number): () => void;
}

/** An isolate has 128 MB for all that it does; a tenant must not have all of an isolate. */
const MOST = { ofIsolate: 32, ofTenant: 12 } as const;
/** What a call takes beyond its time, in ms: its breaker's permit, its report. */
const BESIDES_MS = 5_000;

/**
 * Makes places that are all free. The runtime may cut off a request without another word, and then
 * nobody gives its place back; so each is free again when its call must be over.
 */
export function createSlots(): Slots {
  const taken = new Set<{ readonly tenantId: string; readonly until: number }>();

  return {
    take(tenantId, callMs) {
      const now = Date.now();
      let own = 0;
      for (const slot of taken) {
        if (slot.until <= now) taken.delete(slot);
        else if (slot.tenantId === tenantId) own += 1;
      }
      if (taken.size >= MOST.ofIsolate || own >= MOST.ofTenant) {
        const detail = "Too many calls to services are under way.";
        throw new Failure("overloaded", detail, { retryAfter: 1 });
      }
      const slot = { tenantId, until: now + callMs + BESIDES_MS };
      taken.add(slot);
      return () => {
        taken.delete(slot);
      };
    },
  };
}
