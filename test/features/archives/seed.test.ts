import { hash } from "bcryptjs";
import { beforeAll, describe, expect, it } from "vitest";
import { seedTenant } from "../../../src/features/registration/index.ts";
import { resumeProvisioning } from "../../../src/platform/tenancy/index.ts";
import { TENANTS } from "../../support/archives.ts";
import { auditProves } from "../../support/audit-proof.ts";
import { type Caller, call, newOperator, problemOf } from "../../support/client.ts";
import { jobCtx } from "../../support/ctx.ts";
import { bindings, databaseOfTenant, firstValue, registryOf } from "../../support/worker.ts";

const PASSWORD = "a password of the old system";

let operator: Caller;
let bcrypt: string;
beforeAll(async () => {
  operator = await newOperator();
  bcrypt = await hash(PASSWORD, 4);
});

const person = (email: string, more: object = {}) => ({
  email,
  first_name: "Ada",
  last_name: "Admin",
  role: "admin",
  password_hash: bcrypt,
  ...more,
});

const form = (slug: string, more: object = {}) => ({
  format: "rowhouse-seed",
  version: 1,
  tenant: { slug, name: `Company ${slug}` },
  users: [person(`Admin@${slug}.test`, { created_at: "2020-02-29T12:00:00+02:00" })],
  ...more,
});

const bring = (body: unknown) =>
  call("POST", `${TENANTS}/imports/seed`, { token: operator.token, body });

const signIn = (slug: string, email: string, password = PASSWORD) =>
  call("POST", `http://${slug}.rowhouse.test/api/v1/auth/login`, { body: { email, password } });

describe("people of another system", () => {
  it("sign in with their old passwords, whose hashes are made anew then", async () => {
    const slug = "seed-people";
    const users = [
      person(`left@${slug}.test`, { is_active: false }),
      ...form(slug).users,
      person(`user@${slug}.test`, { role: "user", password_hash: bcrypt.replace("$2b$", "$2y$") }),
    ];
    const actors = [{ type: "support", name: "Grace Hopper" }];
    const made = await bring(form(slug, { users, actors }));
    expect(made.status, made.text).toBe(201);
    expect(made.json).toMatchObject({ slug, status: "active" });
    const database = await databaseOfTenant(slug);
    const hashOf = (email: string) =>
      firstValue<string>(database, "SELECT password_hash FROM users WHERE email = ?", email);
    for (const email of [`admin@${slug}.test`, `user@${slug}.test`]) {
      expect(await hashOf(email)).toMatch(/^\$2[by]\$04\$/);
      const reply = await signIn(slug, email);
      expect(reply.status, reply.text).toBe(200);
      expect(await hashOf(email)).toMatch(/^\$scrypt\$/);
      expect((await signIn(slug, email)).status).toBe(200);
    }
    expect((await signIn(slug, `left@${slug}.test`)).status).toBe(401);
    expect((await signIn(slug, `user@${slug}.test`, "another password")).status).toBe(401);
    const since = "SELECT created_at FROM users WHERE email = ?";
    const admin = await firstValue(database, since, `admin@${slug}.test`);
    expect(admin).toBe(Date.parse("2020-02-29T10:00:00Z"));
    expect(await firstValue(database, "SELECT name FROM actors")).toBe("Grace Hopper");
    expect((await auditProves(database)).rows).toBeGreaterThanOrEqual(6);
  });

  it("have their past posted afterwards, as far back as events are kept", async () => {
    const slug = "seed-past";
    const actors = [{ type: "support", name: "Grace Hopper" }];
    expect((await bring(form(slug, { actors }))).status).toBe(201);
    const api = `http://${slug}.rowhouse.test/api/v1`;
    const token = (await signIn(slug, `admin@${slug}.test`)).json.access_token;
    const [actor] = (await call("GET", `${api}/actors`, { token })).json.data;
    const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
    const eventOf = (days: number) => ({
      event_type: "ticket.closed",
      actor_id: actor.id,
      timestamp: daysAgo(days),
    });
    const batch = (days: number[]) =>
      call("POST", `${api}/events/batch`, { token, body: { events: days.map(eventOf) } });
    const taken = await batch([399, 30, 0]);
    expect(taken.json, taken.text).toMatchObject({ created: 3, rejected: 0 });
    const listed = await call("GET", `${api}/events`, { token });
    const ages = listed.json.data.map(({ timestamp }: { timestamp: string }) =>
      Math.round((Date.now() - Date.parse(timestamp)) / 86_400_000),
    );
    expect(ages.sort((a: number, b: number) => a - b)).toEqual([0, 30, 399]);
    const older = await batch([1, 401]);
    expect(older.json).toMatchObject({ created: 1, rejected: 1 });
    expect(JSON.stringify(older.json.results[1])).toContain("must not be more than 400 days ago");
  });

  it("whoever is wrong is named, and nothing is claimed", async () => {
    const before = await firstValue(bindings.CONTROL_DB, "SELECT count(*) FROM tenant_databases");
    const slug = "seed-wrong";
    const admin = form(slug).users[0];
    const wrong: readonly [pointer: string, body: object][] = [
      ["/users", form(slug, { users: [person("a@b.test", { role: "user" })] })],
      ["/users", form(slug, { users: [person("a@b.test", { is_active: false })] })],
      ["/users/1/email", form(slug, { users: [admin, person(`ADMIN@${slug}.test`)] })],
      [
        "/users/0/password_hash",
        form(slug, { users: [person("a@b.test", { password_hash: "secret" })] }),
      ],
      [
        "/users/0/password_hash",
        form(slug, {
          users: [person("a@b.test", { password_hash: bcrypt.replace("$04$", "$31$") })],
        }),
      ],
      ["/users/0/role", form(slug, { users: [person("a@b.test", { role: "operator" })] })],
      ["/users/0/created_at", form(slug, { users: [person("a@b.test", { created_at: "soon" })] })],
      ["/version", form(slug, { version: 2 })],
      ["/tenant/slug", { ...form(slug), tenant: { slug: "No", name: "x" } }],
    ];
    for (const [pointer, body] of wrong) {
      const reply = await bring(body);
      expect(problemOf(reply), pointer).toBe("validation-failed");
      expect(reply.json.errors[0].pointer).toBe(pointer);
    }
    const after = await firstValue(bindings.CONTROL_DB, "SELECT count(*) FROM tenant_databases");
    expect(after).toBe(before);
  });

  it("a slug that is taken stays taken; one cut off is finished by the job", async () => {
    const slug = "seed-twice";
    expect((await bring(form(slug))).status).toBe(201);
    expect(problemOf(await bring(form(slug)))).toBe("slug-taken");
    // As if the request had ended before its own database was filled.
    const cut = "seed-cut";
    const { claimTenant } = await import("../../../src/platform/tenancy/provisioning.ts");
    const { sealSeed } = await import("../../../src/features/registration/index.ts");
    const { toSeed } = await import("../../../src/features/archives/seed-form.ts");
    const { SeedArchive } = await import("../../../src/features/archives/seed.schemas.ts");
    const ctx = jobCtx();
    const id = "tenant_01jdn2z7q5e8t9v0w1x2y3z4a5";
    const seed = toSeed(
      SeedArchive.parse(form(cut, { actors: [{ type: "system", name: "Pump" }] })),
    );
    const pendingSeed = await sealSeed(ctx, id, seed);
    await claimTenant(
      ctx,
      { id, slug: cut, name: "Cut", pendingSeed, region: null },
      [],
      [{ action: "tenant.claimed", target: id }],
    );
    await bindings.CONTROL_DB.prepare("UPDATE tenants SET updated_at = 0 WHERE id = ?")
      .bind(id)
      .run();
    await resumeProvisioning(jobCtx(), seedTenant);
    expect((await registryOf(cut))?.state).toBe("active");
    expect((await signIn(cut, `admin@${cut}.test`)).status).toBe(200);
    expect(await firstValue(await databaseOfTenant(cut), "SELECT name FROM actors")).toBe("Pump");
  });
});
