import { createApp } from "./app.ts";
import type { Bindings } from "./env.ts";
import { runSchedules } from "./platform/jobs/schedules.ts";
import { schedules } from "./registry.ts";

const app = createApp();

export default {
  fetch: app.fetch,
  scheduled: (controller, env) => runSchedules(schedules, controller.cron, env),
} satisfies ExportedHandler<Bindings>;
