import type { Fields } from "./logger.ts";

/** Round trips that one request made; part of its log line. */
export interface Meter {
  tenantTrips: number;
  controlTrips: number;
  queueSends: number;
}

export function createMeter(): Meter {
  return { tenantTrips: 0, controlTrips: 0, queueSends: 0 };
}

/** The trips as log lines name them. A batch of many statements is one trip. */
export function tripFields({ tenantTrips, controlTrips, queueSends }: Meter): Fields {
  return {
    tenant_d1_trips: tenantTrips,
    control_d1_trips: controlTrips,
    queue_sends: queueSends,
  };
}
