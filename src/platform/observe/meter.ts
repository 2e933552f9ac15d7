/** Round trips that one request made; part of its log line and of the budgets' test. */
export interface Meter {
  tenantTrips: number;
  controlTrips: number;
}

export function createMeter(): Meter {
  return { tenantTrips: 0, controlTrips: 0 };
}
