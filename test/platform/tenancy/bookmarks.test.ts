import { beforeAll, describe, expect, it } from "vitest";
import { settingsOf } from "../../../src/env.ts";
import { readBookmark } from "../../../src/platform/tenancy/bookmarks.ts";
import { PLATFORM } from "../../../src/platform/tenancy/index.ts";
import {
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { type Around, wrapD1 } from "../../support/d1.ts";
import { REGISTER, registrationOf } from "../../support/registration.ts";
import { bindings, databaseOf, openWorker, registryOf } from "../../support/worker.ts";

const master = settingsOf(bindings).MASTER_KEY;
/** Whether the answer's bookmark is this realm's. */
const isOf = async (realmId: string, reply: Reply) =>
  (await readBookmark(master, realmId, reply.headers.get("x-d1-bookmark"))) !== null;

describe("the bookmark", () => {
  let house: TestTenant;
  beforeAll(async () => {
    house = await newTenant("bookmarked");
  });

  it.each(["", " ", "first-primary", "x.y"])("that is %j leads nowhere", async (header) => {
    expect(await readBookmark(master, house.id, header)).toBeNull();
    const binding = String((await registryOf(house.slug))?.binding);
    const starts = new Set<string | undefined>();
    const around: Around = (trip, run) => {
      starts.add(trip.start);
      return run();
    };
    const watched = openWorker({ [binding]: wrapD1(databaseOf(binding), around) });
    const reply = await watched.call("GET", `${house.api}/users`, {
      token: house.admin.token,
      headers: { "x-d1-bookmark": header },
    });
    expect(reply.status).toBe(200);
    expect([...starts]).not.toContain(header);
    expect([...starts]).toContain("first-unconstrained");
  });

  it("of an answer from a door is its realm's", async () => {
    const me = await call("GET", `${house.api}/auth/me`, { token: house.admin.token });
    expect(await isOf(house.id, me)).toBe(true);
    expect(await isOf(PLATFORM, me)).toBe(false);
    const { token } = await newOperator();
    const list = await call("GET", `${PLATFORM_ORIGIN}/api/v1/tenants`, { token });
    expect(await isOf(PLATFORM, list)).toBe(true);
  });

  it("of a registration is the new tenant's, where the admin was written", async () => {
    const reply = await call("POST", REGISTER, { body: registrationOf("bookmarking") });
    expect(await isOf(reply.json.tenant.id, reply)).toBe(true);
  });

  it("of a sign-in on the platform's door is the tenant's that was named", async () => {
    const reply = await call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/login`, {
      body: { email: house.admin.email, password: PASSWORD, tenant_slug: house.slug },
    });
    expect(reply.status).toBe(200);
    expect(await isOf(house.id, reply)).toBe(true);
  });
});
