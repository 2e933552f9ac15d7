/** Webhooks that a tenant sends to itself. */
import { beforeAll, describe, expect, it } from "vitest";
import { SCHEME_NAMES } from "../../../src/platform/signatures/index.ts";
import { addUser, call, newTenant, problemOf, type TestTenant } from "../../support/client.ts";
import { addService, eventually } from "../../support/webhooks.ts";

let tenant: TestTenant;
beforeAll(async () => {
  tenant = await newTenant();
});

const sendTest = (slug: string, body: unknown = {}, token = tenant.admin.token) =>
  call("POST", `${tenant.api}/webhooks/${slug}/test`, { token, body });
const get = async (path: string) =>
  (await call("GET", `${tenant.api}${path}`, { token: tenant.admin.token })).json;

describe("a test event", () => {
  it.each(SCHEME_NAMES)("of %s goes the whole way, and is marked", async (scheme) => {
    const { slug } = await addService(tenant, scheme);
    const body = { type: "order.placed", data: { about: "a test" } };
    const reply = await sendTest(slug, body);
    expect([reply.status, reply.json.status]).toEqual([202, "accepted"]);
    const event = await eventually(tenant, reply.json.event_id, "completed");
    expect(event).toMatchObject({
      service: slug,
      type: "order.placed",
      provider_id: expect.stringMatching(/^test_/),
      test: true,
      conflicting: false,
    });
    expect(event.payload.body).toMatch(/a(%20| |\+)test/);
  });

  it.each(["generic", "github"] as const)(
    "of %s says something of its own each time",
    async (scheme) => {
      const { slug } = await addService(tenant, scheme);
      const first = await sendTest(slug);
      const event = await eventually(tenant, first.json.event_id, "completed");
      expect(event).toMatchObject({ type: "test.ping", test: true });
      const second = await sendTest(slug);
      expect([second.status, second.json.status]).toEqual([202, "accepted"]);
      expect(second.json.event_id).not.toBe(event.id);
    },
  );

  it("that says the same again is a duplicate only where no id is signed", async () => {
    const said = async (scheme: "stripe" | "github") => {
      const { slug } = await addService(tenant, scheme);
      const body = { data: { about: "the same" } };
      const replies = [await sendTest(slug, body), await sendTest(slug, body)];
      return replies.map(({ status, json }) => [status, json.status]);
    };
    const accepted = [202, "accepted"];
    expect(await said("stripe")).toEqual([accepted, accepted]);
    expect(await said("github")).toEqual([accepted, [200, "duplicate"]]);
  });

  it("is the doing of who sent it", async () => {
    const { slug } = await addService(tenant);
    const manager = await addUser(tenant, "manager");
    const reply = await sendTest(slug, {}, manager.token);
    const { data } = await get(`/audit?target=${reply.json.event_id}`);
    const accepted = data.find(({ action }: { action: string }) => action === "webhook.accepted");
    expect(accepted).toMatchObject({
      principal: `user:${manager.id}`,
      private: { test: true, service: slug },
    });
  });

  it("is no larger than the service may send", async () => {
    const { slug } = await addService(tenant, "generic", { max_payload_bytes: 500 });
    const reply = await sendTest(slug, { data: { text: "x".repeat(500) } });
    expect([reply.status, problemOf(reply)]).toEqual([413, "content-too-large"]);
    expect(await get(`/webhooks/events?service=${slug}`)).toMatchObject({ data: [] });
    // The service has sent nothing.
    expect(await get(`/webhooks/rejections?service=${slug}`)).toMatchObject({ data: [] });
  });

  it("needs a service that sends webhooks", async () => {
    await call("POST", `${tenant.api}/services`, {
      token: tenant.admin.token,
      body: { slug: "silent", name: "Silent" },
    });
    for (const slug of ["nobody", "silent", "health"]) {
      const reply = await sendTest(slug);
      expect([slug, reply.status, problemOf(reply)]).toEqual([slug, 404, "not-found"]);
    }
  });

  it("says what is wrong with it", async () => {
    const { slug } = await addService(tenant);
    const reply = await sendTest(slug, { type: "", data: [], more: 1 });
    expect(problemOf(reply)).toBe("validation-failed");
    const pointers = reply.json.errors.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers).toEqual(expect.arrayContaining(["/type", "/data", "/more"]));
  });
});
