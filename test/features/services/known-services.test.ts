import { beforeAll, describe, expect, it } from "vitest";
import { call, newTenant, type TestTenant } from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { addService, post } from "../../support/webhooks.ts";
import { databaseOfTenant } from "../../support/worker.ts";

const { pass } = standingClock({ between: 10 * SECOND });
let acme: TestTenant;
beforeAll(async () => {
  acme = await newTenant();
});

/** As another isolate does it: this one hears nothing of it. */
const rename = async (from: string, to: string) =>
  (await databaseOfTenant(acme.slug))
    .prepare("UPDATE services SET slug = ? WHERE slug = ?")
    .bind(to, from)
    .run();

describe("what an isolate believes of services", () => {
  it("is at most 5 seconds old for one that is there", async () => {
    const service = await addService(acme);
    expect((await post(service, "evt-1")).status).toBe(202);
    await rename(service.slug, `${service.slug}-gone`);
    pass(5 * SECOND - 1);
    expect((await post(service, "evt-2")).status).toBe(202);
    pass(1);
    expect((await post(service, "evt-3")).status).toBe(404);
  });

  it("is at most 2 seconds old for one that is not", async () => {
    const service = await addService(acme);
    const slug = `${service.slug}-later`;
    const later = { ...service, slug, url: `${acme.api}/webhooks/${slug}` };
    expect((await post(later, "evt-1")).status).toBe(404);
    await rename(service.slug, slug);
    pass(2 * SECOND - 1);
    expect((await post(later, "evt-2")).status).toBe(404);
    pass(1);
    expect((await post(later, "evt-3")).status).toBe(202);
  });

  it("is forgotten when it adds one, or gives it webhooks", async () => {
    const { slug: _, ...made } = await addService(acme);
    const slug = "of-this-isolate";
    const service = { ...made, slug, url: `${acme.api}/webhooks/${slug}` };
    const token = acme.admin.token;
    expect((await post(service, "evt-1")).status).toBe(404);
    await call("POST", `${acme.api}/services`, { token, body: { slug, name: "No webhooks" } });
    expect((await post(service, "evt-2")).status).toBe(404);
    const webhook = { scheme: "generic", secrets: [service.secret] };
    await call("PUT", `${acme.api}/services/${slug}`, { token, body: { webhook } });
    expect((await post(service, "evt-3")).status).toBe(202);
  });

  it("is of one tenant", async () => {
    const other = await newTenant();
    const service = await addService(other);
    const here = { ...service, url: `${acme.api}/webhooks/only-there` };
    expect((await post({ ...here, slug: "only-there" }, "evt-1")).status).toBe(404);
    const there = await addService(other, "generic", { slug: "only-there" });
    expect((await post(there, "evt-2")).status).toBe(202);
    expect((await post({ ...here, slug: "only-there" }, "evt-3")).status).toBe(404);
  });
});
