/** From a signed request through the real queue and its consumer to an event of the business. */
import { beforeAll, describe, expect, it } from "vitest";
import { call, newTenant, type TestTenant } from "../../support/client.ts";
import { addService, eventually, post, type TestService } from "../../support/webhooks.ts";

describe("a webhook", () => {
  let tenant: TestTenant;
  let service: TestService;
  beforeAll(async () => {
    tenant = await newTenant();
    service = await addService(tenant, "stripe");
  });

  it("is accepted once, takes effect once, and a repeat is told so", async () => {
    const first = await post(service, "evt_1", "payment.succeeded", { id: "pay_1", amount: 12 });
    expect([first.status, first.json]).toEqual([
      202,
      { status: "accepted", event_id: expect.stringMatching(/^whevent_/) },
    ]);
    const again = await post(service, "evt_1", "payment.succeeded", { id: "pay_1", amount: 12 });
    expect([again.status, again.json]).toEqual([
      200,
      { status: "duplicate", event_id: first.json.event_id },
    ]);
    const event = await eventually(tenant, first.json.event_id, "completed");
    expect(event).toMatchObject({ provider_id: "evt_1", type: "payment.succeeded", attempts: 1 });
    const { json } = await call("GET", `${tenant.api}/events?source_id=${event.id}`, {
      token: tenant.admin.token,
    });
    expect(json.data).toMatchObject([
      { event_type: "payment.succeeded", subject: "pay_1", source: `webhook:${service.slug}` },
    ]);
  });

  it("is tried again, becomes a dead letter, and is replayed when its cause is gone", async () => {
    const strict = await addService(tenant, "generic", { max_attempts: 1 });
    const refund = await post(strict, "ref_1", "payment.refunded", { payment_id: "pay_9" });
    const dead = await eventually(tenant, refund.json.event_id, "dead_letter");
    expect(dead.last_error).toBe("There is no successful payment pay_9 to refund.");
    const payment = await post(strict, "pay_1", "payment.succeeded", { payment_id: "pay_9" });
    await eventually(tenant, payment.json.event_id, "completed");
    const replay = await call("POST", `${tenant.api}/webhooks/events/${dead.id}/replay`, {
      token: tenant.admin.token,
    });
    expect(replay.status, replay.text).toBe(202);
    await eventually(tenant, dead.id, "completed");
  });

  it("that nobody signed rightly is turned away, and counted", async () => {
    const forged = { ...service, secret: "whsec_other" };
    const reply = await post(forged, "evt_9");
    expect([reply.status, reply.headers.get("www-authenticate")]).toEqual([401, "Signature"]);
    const { json } = await call("GET", `${tenant.api}/webhooks/rejections`, {
      token: tenant.admin.token,
    });
    expect(json.data).toMatchObject([
      { service: service.slug, reason: "signature-mismatch", count: 1 },
    ]);
  });
});
