import { WorkerEntrypoint } from "cloudflare:workers";
import { createApp } from "./app.ts";
import type { Bindings } from "./env.ts";
import {
  type CellDoor,
  comingBy,
  type DoorProps,
  requireSettings,
} from "./platform/cells/cell-door.ts";
import { consume } from "./platform/jobs/consume.ts";
import { runSchedules } from "./platform/jobs/schedules.ts";
import type { TenantRoute } from "./platform/tenancy/index.ts";
import { queueJobs, schedules } from "./registry.ts";

const app = createApp();

export { SignalStream } from "./features/signal-stream/index.ts";
export { CircuitBreaker } from "./platform/breaker/circuit-breaker.ts";
export { RateLimiter } from "./platform/limits/rate-limiter.ts";

/** One tenant's door, as the router is given it: whose it is stands in its props, where no client writes. */
export class TenantDoor extends WorkerEntrypoint<Bindings, DoorProps> {
  override fetch(request: Request) {
    return app.fetch(comingBy(this.ctx.props.route, request), this.env, this.ctx);
  }
}

/** What the router's binding for this cell leads to. */
export class Cell extends WorkerEntrypoint<Bindings> implements CellDoor {
  async door(route: TenantRoute | null) {
    requireSettings(this.env);
    const doors = this.ctx.exports as unknown as Doors;
    return route ? doors.TenantDoor({ props: { route } }) : doors.default({});
  }
}

interface Doors {
  TenantDoor(options: { props: DoorProps }): Fetcher;
  default(options: { props?: never }): Fetcher;
}

export default {
  fetch: app.fetch,
  queue: (batch, env) => consume(queueJobs, batch, env),
  scheduled: (controller, env) => runSchedules(schedules, controller.cron, env),
} satisfies ExportedHandler<Bindings>;
