import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { presentMetrics, presentStats } from "./stats.present.ts";
import { MetricsQuery, SignalMetrics, Stats } from "./stats.schemas.ts";
import * as figures from "./stats.service.ts";

const TAG = "Signals";

/** Mounted before the signals: `metrics` is no signal's id. */
export const statsRouter = createRouter();

mount(
  statsRouter,
  endpoint({
    method: "get",
    path: "/stats",
    operationId: "getStats",
    summary: "Signals and uptime in four numbers",
    tag: TAG,
    doors: "tenant",
    access: "signals:read",
    response: { status: 200, description: "The numbers.", schema: Stats },
  }),
  {
    handle: (ctx) => figures.stats(ctx),
    present: (stats) => ({ body: presentStats(stats) }),
  },
);

mount(
  statsRouter,
  endpoint({
    method: "get",
    path: "/signals/metrics",
    operationId: "getSignalMetrics",
    summary: "How many signals there are, and how fast they are handled",
    tag: TAG,
    doors: "tenant",
    access: "signals:read",
    query: MetricsQuery,
    response: { status: 200, description: "The metrics.", schema: SignalMetrics },
  }),
  {
    handle: (ctx, { query }) => figures.metrics(ctx, query),
    present: (metrics) => ({ body: presentMetrics(metrics) }),
  },
);
