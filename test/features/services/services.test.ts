import { beforeAll, describe, expect, it } from "vitest";
import { captureLogs } from "../../support/captured-logs.ts";
import { call, newTenant, problemOf, type Reply, type TestTenant } from "../../support/client.ts";
import { leaksIn } from "../../support/log-scan.ts";
import { deliver, post, SECRET, signed, type TestService } from "../../support/webhooks.ts";
import { databaseOfTenant, firstValue } from "../../support/worker.ts";

let acme: TestTenant;
let other: TestTenant;
beforeAll(async () => {
  acme = await newTenant();
  other = await newTenant();
});

let made = 0;
const newSlug = () => `service-${++made}`;
const as = (method: string, path: string, body?: unknown, headers = {}, tenant = acme) =>
  call(method, `${tenant.api}/services${path}`, { token: tenant.admin.token, body, headers });
const bodyOf = (slug: string, webhook: unknown = { scheme: "stripe", secrets: [SECRET] }) => ({
  slug,
  name: `Service ${slug}`,
  webhook,
});
/** Adds a service of a fresh slug. */
async function add(webhook?: unknown, tenant = acme): Promise<Reply["json"]> {
  const reply = await as("POST", "", bodyOf(newSlug(), webhook), {}, tenant);
  expect(reply.status, reply.text).toBe(201);
  return reply.json;
}
const put = (slug: string, body: unknown, headers = {}) => as("PUT", `/${slug}`, body, headers);
const secretIds = ({ webhook }: Reply["json"]) =>
  webhook.secrets.map(({ id }: { id: string }) => id);
const faultsOf = (reply: Reply) => {
  expect(problemOf(reply)).toBe("validation-failed");
  return reply.json.errors.map(({ pointer }: { pointer: string }) => pointer);
};
const senderOf = (slug: string, secret = SECRET, tenant = acme): TestService => ({
  slug,
  secret,
  url: `${tenant.api}/webhooks/${slug}`,
  settings: { scheme: "stripe" },
});
const actionsOn = async (id: string) => {
  const log = await call("GET", `${acme.api}/audit?target=${id}`, { token: acme.admin.token });
  return log.json.data.map(({ action }: { action: string }) => action);
};
const secretRows = async (service: string, tenant = acme) => {
  const database = await databaseOfTenant(tenant.slug);
  const rows = database.prepare("SELECT * FROM service_secrets WHERE service_id = ? ORDER BY id");
  return (await rows.bind(service).all<Record<string, string>>()).results;
};

describe("services", () => {
  it("are added, read, listed, changed and removed", async () => {
    const slug = newSlug();
    const webhook = {
      scheme: "stripe",
      tolerance_seconds: 60,
      max_payload_bytes: 1_000,
      max_attempts: 3,
    };
    const added = await as("POST", "", bodyOf(slug, { ...webhook, secrets: [SECRET] }));
    expect([added.status, added.headers.get("location")]).toEqual([
      201,
      `/api/v1/services/${slug}`,
    ]);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
    expect(added.json).toEqual({
      id: expect.stringMatching(/^service_/),
      slug,
      name: `Service ${slug}`,
      webhook: {
        ...webhook,
        url: `${acme.api}/webhooks/${slug}`,
        secrets: [{ id: expect.stringMatching(/^secret_/), created_at: time }],
      },
      api: null,
      created_at: time,
      updated_at: time,
    });
    const read = await as("GET", `/${slug}`);
    expect(read.json).toEqual(added.json);
    expect(read.headers.get("etag")).toBe(added.headers.get("etag"));
    const changed = await put(slug, { name: "Other" });
    expect(changed.json).toEqual({ ...added.json, name: "Other", updated_at: time });
    const listed = await as("GET", "?limit=100");
    expect(listed.json.data.find((each: { slug: string }) => each.slug === slug)).toEqual(
      changed.json,
    );
    expect((await as("DELETE", `/${slug}`)).status).toBe(204);
    expect(problemOf(await as("GET", `/${slug}`))).toBe("not-found");
    expect(await secretRows(added.json.id)).toEqual([]);
    expect(await actionsOn(added.json.id)).toEqual([
      "service.deleted",
      "service.updated",
      "service.created",
    ]);
    const again = await as("POST", "", bodyOf(slug));
    expect(again.json.id).not.toBe(added.json.id);
  });

  it("are listed by slug, a page at a time", async () => {
    const tenant = await newTenant();
    for (const slug of ["c", "a", "b_1", "-"]) {
      await as(
        "POST",
        "",
        bodyOf(slug, { scheme: "stripe", secrets: [SECRET, `${SECRET}2`] }),
        {},
        tenant,
      );
    }
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null && seen.length < 9; ) {
      const after = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const { json }: Reply = await as("GET", `?limit=2${after}`, undefined, {}, tenant);
      for (const service of json.data) {
        seen.push(service.slug);
        expect(service.webhook.secrets).toHaveLength(2);
      }
      cursor = json.next_cursor;
    }
    expect(seen).toEqual(["-", "a", "b_1", "c"]);
  });

  it("of a version that somebody else has changed are left alone", async () => {
    const { slug } = await add();
    const tag = (await as("GET", `/${slug}`)).headers.get("etag") ?? "";
    const match = { "if-match": tag };
    expect((await put(slug, { name: "First" }, match)).status).toBe(200);
    for (const [method, body] of [
      ["PUT", { name: "Late" }],
      ["DELETE", undefined],
    ] as const) {
      const late = await as(method, `/${slug}`, body, match);
      expect([late.status, problemOf(late)]).toEqual([412, "precondition-failed"]);
    }
    const now = await as("GET", `/${slug}`);
    expect(now.json.name).toBe("First");
    const fresh = { "if-match": now.headers.get("etag") ?? "" };
    expect((await as("DELETE", `/${slug}`, undefined, fresh)).status).toBe(204);
  });

  it("have a slug of their own", async () => {
    const { slug } = await add();
    const taken = await as("POST", "", bodyOf(slug));
    expect([taken.status, problemOf(taken)]).toEqual([409, "slug-taken"]);
    for (const reserved of [
      "health",
      "events",
      "dead-letters",
      "rejections",
      "A",
      "a b",
      "",
      "x".repeat(65),
    ]) {
      expect(faultsOf(await as("POST", "", bodyOf(reserved))), reserved).toEqual(["/slug"]);
    }
    expect((await as("POST", "", bodyOf(slug), {}, other)).status).toBe(201);
  });

  it("are added once under one idempotency key", async () => {
    const body = bodyOf(newSlug());
    const headers = { "idempotency-key": `key-${body.slug}` };
    const first = await as("POST", "", body, headers);
    const again = await as("POST", "", body, headers);
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers.get("etag")).toBe(first.headers.get("etag"));
    const another = await as(
      "POST",
      "",
      { ...body, webhook: { scheme: "stripe", secrets: ["another-one"] } },
      headers,
    );
    expect([another.status, problemOf(another)]).toEqual([422, "idempotency-mismatch"]);
    expect(await secretRows(first.json.id)).toHaveLength(1);
  });

  it.each<[string, unknown, string[]]>([
    ["no secret", { scheme: "stripe", secrets: [] }, ["/webhook/secrets"]],
    ["secrets left out", { scheme: "stripe" }, ["/webhook/secrets"]],
    [
      "three secrets",
      { scheme: "stripe", secrets: ["secret-1", "secret-2", "secret-3"] },
      ["/webhook/secrets"],
    ],
    ["an empty secret", { scheme: "stripe", secrets: [""] }, ["/webhook/secrets/0"]],
    ["a scheme that there is not", { scheme: "md5", secrets: [SECRET] }, ["/webhook/scheme"]],
    [
      "a secret that is no key",
      { scheme: "svix", secrets: [SECRET, "no base64!"] },
      ["/webhook/secrets/1"],
    ],
    [
      "an option of another scheme",
      { scheme: "stripe", secrets: [SECRET], signature_header: "X-A" },
      ["/webhook/signature_header"],
    ],
    [
      "an option that is needed",
      { scheme: "square", secrets: [SECRET] },
      ["/webhook/notification_url"],
    ],
    [
      "a URL that is none",
      { scheme: "square", secrets: [SECRET], notification_url: "ftp://a" },
      ["/webhook/notification_url"],
    ],
    [
      "a header that is none",
      { scheme: "hmac-body", secrets: [SECRET], signature_header: "X A" },
      ["/webhook/signature_header"],
    ],
    [
      "a tolerance for no time",
      { scheme: "github", secrets: [SECRET], tolerance_seconds: 60 },
      ["/webhook/tolerance_seconds"],
    ],
    [
      "a header for two things",
      { scheme: "hmac-body", secrets: [SECRET], timestamp_header: "x-signature" },
      ["/webhook/timestamp_header"],
    ],
    [
      "a header of HTTP's own",
      { scheme: "hmac-body", secrets: [SECRET], signature_header: "Authorization" },
      ["/webhook/signature_header"],
    ],
    [
      "what is too much",
      {
        scheme: "stripe",
        secrets: [SECRET],
        max_payload_bytes: 1_048_577,
        max_attempts: 21,
        tolerance_seconds: 86_401,
      },
      ["/webhook/max_attempts", "/webhook/max_payload_bytes", "/webhook/tolerance_seconds"],
    ],
    [
      "what nobody knows",
      { scheme: "stripe", secrets: [SECRET], url: "https://x" },
      ["/webhook/url"],
    ],
    [
      "several faults",
      { scheme: "svix", secrets: ["no base64!"], timestamp_header: "X" },
      ["/webhook/secrets/0", "/webhook/timestamp_header"],
    ],
  ])("are not added with %s", async (_, webhook, pointers) => {
    const slug = newSlug();
    const reply = await as("POST", "", bodyOf(slug, webhook));
    expect(reply.status).toBe(422);
    expect(faultsOf(reply).sort()).toEqual(pointers);
    expect(reply.text).not.toContain("no base64!");
    expect(problemOf(await as("GET", `/${slug}`))).toBe("not-found");
  });

  it("are changed by something, and keep their slug", async () => {
    const { slug } = await add();
    expect((await put(slug, {})).status).toBe(422);
    expect(faultsOf(await put(slug, { name: "New", slug: "new" }))).toEqual(["/slug"]);
    expect(problemOf(await put("nobody", { name: "x" }))).toBe("not-found");
  });
});

describe("a service's secrets", () => {
  const stripe = (...secrets: string[]) => ({ webhook: { scheme: "stripe", secrets } });

  it("are never shown, in answers, the audit log or the logs", async () => {
    const slug = newSlug();
    const secrets = [SECRET, `whsec_${btoa("canary-secret-the-second")}`];
    const planted = secrets.map((secret) => secret.slice("whsec_".length));
    const { result: replies, lines } = await captureLogs(async () => [
      await as("POST", "", bodyOf(slug, { scheme: "stripe", secrets }), {
        "idempotency-key": slug,
      }),
      await as("POST", "", bodyOf(slug, { scheme: "stripe", secrets })),
      await as("POST", "", bodyOf(newSlug(), { scheme: "square", secrets })),
      await put(slug, stripe(...secrets)),
      await put(slug, { webhook: { scheme: "svix", secrets, signature_header: "x" } }),
      await as("GET", `/${slug}`),
      await as("GET", "?limit=100"),
      await post(senderOf(slug), "evt"),
      await post(senderOf(slug, "another"), "evt"),
      await call("GET", `${acme.api}/audit?limit=100`, { token: acme.admin.token }),
    ]);
    expect(replies.map(({ status }) => status)).toEqual([
      201, 409, 422, 200, 422, 200, 200, 202, 401, 200,
    ]);
    expect(
      leaksIn(
        replies.map(({ text }) => text),
        planted,
      ),
    ).toEqual([]);
    expect(lines.length).toBeGreaterThan(replies.length);
    expect(leaksIn(lines, planted)).toEqual([]);
    const database = await databaseOfTenant(acme.slug);
    const tables = [
      "services",
      "service_secrets",
      "audit_log",
      "audit_private",
      "idempotency_keys",
    ];
    for (const table of tables) {
      const { results } = await database.prepare(`SELECT * FROM ${table}`).all();
      expect(results.length, table).toBeGreaterThan(0);
      expect(
        leaksIn(
          results.map((row) => JSON.stringify(row)),
          planted,
        ),
        table,
      ).toEqual([]);
    }
  });

  it("are sealed for their tenant and their row: copied elsewhere they open nothing", async () => {
    const mine = await add();
    const theirs = await add({ scheme: "stripe", secrets: ["whsec_theirs"] }, other);
    const [{ sealed = "" } = {}] = await secretRows(mine.id);
    expect(sealed).toMatch(/^v1\.test\./);
    const copy = async (tenant: TestTenant, service: string) =>
      (await databaseOfTenant(tenant.slug))
        .prepare("UPDATE service_secrets SET sealed = ? WHERE service_id = ?")
        .bind(sealed, service)
        .run();
    const second = await add({ scheme: "stripe", secrets: ["whsec_second"] });
    await copy(other, theirs.id);
    await copy(acme, second.id);
    for (const [{ slug }, tenant] of [
      [theirs, other],
      [second, acme],
    ] as const) {
      const reply = await post(senderOf(slug, SECRET, tenant), "evt");
      expect([reply.status, problemOf(reply)]).toEqual([503, "outcome-unknown"]);
      expect(reply.text).not.toContain("envelope");
      const database = await databaseOfTenant(tenant.slug);
      const count = "SELECT count(*) FROM webhook_events WHERE service = ?";
      expect(await firstValue(database, count, slug)).toBe(0);
    }
    expect((await post(senderOf(mine.slug), "evt")).status).toBe(202);
  });

  it("stay where a change does not name them", async () => {
    const before = await add();
    const renamed = await put(before.slug, { name: "New" });
    const reset = await put(before.slug, { webhook: { scheme: "stripe", tolerance_seconds: 10 } });
    for (const { json } of [renamed, reset])
      expect(json.webhook.secrets).toEqual(before.webhook.secrets);
    expect(reset.json.webhook.tolerance_seconds).toBe(10);
    const plain = await put(before.slug, { webhook: { scheme: "stripe" } });
    expect(plain.json.webhook).not.toHaveProperty("tolerance_seconds");
    expect((await post(senderOf(before.slug), "evt")).status).toBe(202);
  });

  it("are two at most; one that is sent again keeps its id and time", async () => {
    const before = await add();
    const both = await put(before.slug, stripe("whsec_new", SECRET));
    expect(both.json.webhook.secrets).toHaveLength(2);
    expect(both.json.webhook.secrets).toContainEqual(before.webhook.secrets[0]);
    const read = await as("GET", `/${before.slug}`);
    expect(read.json).toEqual(both.json);
    expect(faultsOf(await put(before.slug, stripe("secret-1", "secret-2", "secret-3")))).toEqual([
      "/webhook/secrets",
    ]);
    const one = await put(before.slug, stripe("whsec_new", "whsec_new"));
    const [added] = secretIds(both.json).filter((id: string) => !secretIds(before).includes(id));
    expect(secretIds(one.json)).toEqual([added]);
    const erased = secretIds(before)[0];
    expect(await actionsOn(erased)).toEqual(["service_secret.erased", "service_secret.added"]);
    expect((await secretRows(before.id)).map(({ id }) => id)).toEqual([added]);
  });

  it("are erased with the webhook settings, and asked for when there are some again", async () => {
    const { slug, id } = await add();
    expect((await post(senderOf(slug), "evt")).status).toBe(202);
    const none = await put(slug, { webhook: null });
    expect(none.json.webhook).toBeNull();
    expect(await secretRows(id)).toEqual([]);
    expect((await post(senderOf(slug), "evt")).status).toBe(404);
    expect((await put(slug, { name: "Still" })).json.webhook).toBeNull();
    expect(faultsOf(await put(slug, { webhook: { scheme: "stripe" } }))).toEqual([
      "/webhook/secrets",
    ]);
    expect((await put(slug, stripe(SECRET))).status).toBe(200);
    expect((await post(senderOf(slug), "evt")).status).toBe(200);
  });

  it("are looked at again when the scheme changes, and pointed at as they were sent", async () => {
    const { slug } = await add({ scheme: "stripe", secrets: [SECRET, "no base64!"] });
    const kept = await put(slug, { webhook: { scheme: "svix" } });
    expect(faultsOf(kept)).toHaveLength(1);
    expect(kept.text).not.toContain("no base64!");
    const sent = await put(slug, { webhook: { scheme: "svix", secrets: ["also none!", SECRET] } });
    expect(faultsOf(sent)).toEqual(["/webhook/secrets/0"]);
    expect((await as("GET", `/${slug}`)).json.webhook.scheme).toBe("stripe");
    const changed = await put(slug, { webhook: { scheme: "svix", secrets: [SECRET] } });
    expect(changed.json.webhook).toMatchObject({ scheme: "svix", secrets: [{}] });
    const service: TestService = { ...senderOf(slug), settings: { scheme: "svix" } };
    expect((await deliver(await signed(service, '{"type":"a"}'))).status).toBe(202);
    expect((await post(senderOf(slug), "evt")).status).toBe(401);
  });
});

it("what was received from a service that is gone stays and is shown", async () => {
  const { slug } = await add();
  const reply = await post(senderOf(slug), "evt");
  await as("DELETE", `/${slug}`);
  expect((await post(senderOf(slug), "evt")).status).toBe(404);
  const events = await call("GET", `${acme.api}/webhooks/events?service=${slug}`, {
    token: acme.admin.token,
  });
  expect(events.json.data).toMatchObject([{ id: reply.json.event_id, service: slug }]);
});
