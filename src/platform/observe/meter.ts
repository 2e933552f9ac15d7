import type { Fields } from "./logger.ts";

/** Round trips that one request made; part of its log line. */
export interface Meter {
  tenantTrips: number;
  controlTrips: number;
  queueSends: number;
  objectCalls: number;
}

export function createMeter(): Meter {
  return { tenantTrips: 0, controlTrips: 0, queueSends: 0, objectCalls: 0 };
}

/** The trips as log lines name them. A batch of many statements is one trip. */
export function tripFields(meter: Meter): Fields {
  return {
    tenant_d1_trips: meter.tenantTrips,
    control_d1_trips: meter.controlTrips,
    queue_sends: meter.queueSends,
    durable_object_calls: meter.objectCalls,
  };
}
