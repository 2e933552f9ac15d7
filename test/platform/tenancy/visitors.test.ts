import { beforeAll, describe, expect, it } from "vitest";
import {
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  type TestTenant,
} from "../../support/client.ts";
import { bindings, databaseOfTenant } from "../../support/worker.ts";

describe("another realm's personal data", () => {
  let operator: Caller;
  let house: TestTenant;
  beforeAll(async () => {
    operator = await newOperator();
    house = await newTenant("left-behind");
  });
  const IP = "198.51.100.99";
  const AGENT = "a browser of somebody";
  const from = { ip: IP, headers: { "user-agent": AGENT } };
  const privateOf = async (database: D1Database, principal: string, action: string) => {
    const rows = await database
      .prepare(
        `SELECT data FROM audit_log JOIN audit_private ON audit_id = id
          WHERE principal = ? AND action = ?`,
      )
      .bind(principal, action)
      .raw();
    return rows.map(([data]) => JSON.parse(String(data)));
  };

  it("is not noted in the platform's log when an admin closes the tenant, but in the tenant's", async () => {
    const { api, admin, slug } = house;
    const reply = await call("DELETE", `${api}/tenants/current`, {
      token: admin.token,
      ...from,
    });
    expect(reply.status).toBe(204);
    const principal = `user:${admin.id}`;
    const control = bindings.CONTROL_DB;
    expect(await privateOf(control, principal, "tenant.state_changed")).toEqual([
      { from: "active", to: "deactivated" },
    ]);
    expect(await privateOf(control, principal, "tenant.state_synced")).toEqual([{}]);
    expect(await privateOf(await databaseOfTenant(slug), principal, "tenant.deactivated")).toEqual([
      { ip: IP, user_agent: AGENT, email: admin.email },
    ]);
  });

  it("is not noted in a tenant's log when an operator opens it, but in the platform's", async () => {
    const reply = await call("POST", `${PLATFORM_ORIGIN}/api/v1/tenants/${house.id}/activate`, {
      token: operator.token,
      ...from,
    });
    expect(reply.status, reply.text).toBe(200);
    const principal = `operator:${operator.id}`;
    const inside = await databaseOfTenant(house.slug);
    expect(await privateOf(inside, principal, "tenant.activated")).toEqual([{}]);
    expect(await privateOf(bindings.CONTROL_DB, principal, "tenant.state_changed")).toEqual([
      { ip: IP, user_agent: AGENT, email: operator.email, from: "deactivated", to: "active" },
    ]);
  });

  it("of nobody yet is noted where they sign in, through whichever door", async () => {
    const login = `${PLATFORM_ORIGIN}/api/v1/auth/login`;
    const { email, id } = house.admin;
    const body = { email, password: PASSWORD, tenant_slug: house.slug };
    expect((await call("POST", login, { body, ...from })).status).toBe(200);
    const inside = await databaseOfTenant(house.slug);
    const noted = await privateOf(inside, `user:${id}`, "session.started");
    expect(noted.at(-1)).toMatchObject({ ip: IP, user_agent: AGENT, email });
  });
});
