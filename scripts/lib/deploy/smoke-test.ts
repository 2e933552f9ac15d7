import type { Plan, PlannedCell } from "./plan.ts";
import { getJson, type Site } from "./site.ts";
import { eventually, type Tools } from "./tools.ts";
import { checkBindings, workersOf } from "./workers.ts";

/** A cell as `PUT /api/v1/cells/{name}` answers, from inside it. */
interface KnownCell {
  readonly bound: number;
  readonly version: string;
}

/**
 * Asks what was deployed whether it is there and well, by real requests through the base URL: every cell, a
 * tenant's door, and an operator's sign-in. What was deployed comes to Cloudflare's places one after another,
 * so each question is asked again for a while.
 *
 * @throws Error naming the first that is not well, and what it said
 */
export async function smokeTest(plan: Plan, site: Site, tools: Tools): Promise<void> {
  tools.say(`Smoke test at ${site.destination.origin.origin}.`);
  const passes = async (what: string, check: () => Promise<unknown>) => {
    try {
      await eventually(tools.patienceMs, check);
    } catch (error) {
      throw new Error(`${what}: ${(error as Error).message}`);
    }
    tools.say(`  ${what}: well`);
  };

  await passes("its databases are those of before", () =>
    Promise.all(workersOf(plan).map((worker) => checkBindings(worker, tools))),
  );
  await passes("the platform's door has the new version", () => hasVersion(plan, site));
  await passes("the platform's door is ready", () => getJson(site, "/ready"));
  for (const cell of plan.cells) {
    await passes(
      `the cell ${cell.cell.name} has the new version and its ${cell.size} databases`,
      () => isThere(cell, plan, site),
    );
  }
  const canary = await canaryOf(plan, site);
  if (canary) await passes(`the door of ${canary}`, () => hasVersion(plan, site, canary));
}

async function hasVersion({ version }: Plan, site: Site, door?: string): Promise<void> {
  const health = await getJson(site, "/health", door);
  requireVersion(health.version, version);
}

/** Makes a cell known, or looks at it anew. It answers from inside, so it also is the cell's own test. */
async function isThere(
  { cell, size }: PlannedCell,
  plan: Plan,
  { operators }: Site,
): Promise<void> {
  const { bound, version } = await operators.call<KnownCell>({
    method: "PUT",
    path: `/cells/${cell.name}`,
    body: { region: cell.region ?? null },
  });
  requireVersion(version, plan.version);
  if (bound !== size) throw new Error(`it has ${bound}`);
}

function requireVersion(found: unknown, wanted: string): void {
  if (found !== wanted) throw new Error(`it is ${found ?? "an older one"}, not ${wanted}`);
}

/** The canary's slug, once there is such a tenant. */
export async function canaryOf(
  { environment: { canary } }: Plan,
  { operators }: Site,
): Promise<string | undefined> {
  if (!canary) return;
  const path = `/tenants?slug=${canary}&state=active`;
  const { data } = await operators.call<{ data: unknown[] }>({ path });
  return data.length > 0 ? canary : undefined;
}
