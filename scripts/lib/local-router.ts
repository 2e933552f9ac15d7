/**
 * The router as `npm run start:cells` serves it. Cloudflare rings each cell's crons at the cell; wrangler's
 * server reaches the first Worker alone, so here that one passes them on.
 */
import router from "../../src/router.ts";
import { CLOCK_PREFIX } from "./clocks.ts";

export default {
  fetch: router.fetch,
  async scheduled({ cron, scheduledTime }, env) {
    const clocks = Object.entries(env).filter(([name]) => name.startsWith(CLOCK_PREFIX));
    const runs = await Promise.all(
      clocks.map(([, cell]) =>
        (cell as Cell).scheduled({ cron, scheduledTime: new Date(scheduledTime) }),
      ),
    );
    const failed = runs.filter(({ outcome }) => outcome !== "ok");
    if (failed.length > 0) throw new Error(`${failed.length} cells failed.`);
  },
} satisfies ExportedHandler<Readonly<Record<string, unknown>>>;

/** What a binding to a Worker can do with the flag `service_binding_extra_handlers`. */
interface Cell {
  scheduled(options: { cron: string; scheduledTime: Date }): Promise<{ outcome: string }>;
}
