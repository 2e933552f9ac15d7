import { describe, expect, it } from "vitest";
import { addUser, call, newOperator, newTenant, PLATFORM_ORIGIN } from "../../support/client.ts";
import type { Around, Trip } from "../../support/d1.ts";
import { openWorker, wrapAll } from "../../support/worker.ts";

interface Operation {
  readonly path: string;
  readonly params: boolean;
}

/** They stand in audit logs: who takes a tenant's data out does not do it unseen. */
const AUDITED = ["/api/v1/tenants/{id}/export"];

/** Every GET of a door, as its OpenAPI document lists them. */
async function readsOf(origin: string): Promise<Operation[]> {
  const { json } = await call("GET", `${origin}/openapi.json`);
  return Object.entries(json.paths as Record<string, object>)
    .filter(([, methods]) => "get" in methods)
    .map(([path]) => ({ path, params: path.includes("{") }));
}

describe("reading", () => {
  it("writes no row on any GET of any door but the audited, and sends selects alone", async () => {
    const house = await newTenant("read-only");
    const operator = await newOperator();
    await addUser(house, "user");
    const trips: Trip[] = [];
    let written = 0;
    const around: Around = async (trip, run) => {
      trips.push(trip);
      if (trip.meta) written += (await trip.meta()).rows_written;
      return run();
    };
    const watched = openWorker(wrapAll(() => around));
    const ids: Record<string, string> = { users: house.admin.id, tenants: house.id };
    const doors = [
      { origin: house.origin, token: house.admin.token },
      { origin: PLATFORM_ORIGIN, token: operator.token },
    ];
    const asked: string[] = [];
    const leftOut: string[] = [];
    for (const { origin, token } of doors) {
      for (const { path } of await readsOf(origin)) {
        if (AUDITED.includes(path)) {
          leftOut.push(path);
          continue;
        }
        const filled = path.replace(/(\w+)\/\{id\}/, (_, list) => `${list}/${ids[list]}`);
        const reply = await watched.call("GET", `${origin}${filled}`, { token });
        // A list that is not this door's is not found; a refusal would be audited. Streams are no reads.
        expect([200, 404, 426], `${filled}: ${reply.text}`).toContain(reply.status);
        if (reply.status === 200) asked.push(filled);
      }
    }
    expect(leftOut).toEqual(AUDITED);
    expect(asked).toContain(`/api/v1/users/${house.admin.id}`);
    expect(asked).toContain(`/api/v1/tenants/${house.id}`);
    expect(asked.length).toBeGreaterThan(12);
    expect(trips.length).toBeGreaterThan(12);
    expect(trips.filter(({ kind }) => kind === "batch")).toEqual([]);
    expect(trips.flatMap(({ sql }) => sql).filter((sql) => !/^select\b/i.test(sql))).toEqual([]);
    expect(written).toBe(0);
  });
});
