import { beforeAll, describe, expect, it } from "vitest";
import type { SchemeName } from "../../../src/platform/signatures/index.ts";
import { call, newTenant, problemOf, type Reply, type TestTenant } from "../../support/client.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { kept, rejections, turnedAway } from "../../support/turned-away.ts";
import {
  addService,
  deliver,
  eventually,
  received,
  signed,
  type TestService,
} from "../../support/webhooks.ts";
import { databaseOfTenant, openWorker, wrapAll } from "../../support/worker.ts";

const MOST_BYTES = 1_572_864;

let tenant: TestTenant;
beforeAll(async () => {
  tenant = await newTenant();
});

const signedBatch = (service: TestService, body: string) =>
  signed(service, body, { path: "/batch" });
const send = async (service: TestService, ...elements: string[]): Promise<Reply> =>
  deliver(await signedBatch(service, `[${elements.join(",")}]`));
const element = (id: string, more: Record<string, unknown> = {}) =>
  JSON.stringify({ id, type: "order.placed", ...more });
const statusesOf = ({ json }: Reply) =>
  json.results.map(({ status }: { status: string }) => status);
const idsOf = ({ json }: Reply): string[] =>
  json.results.map(({ event_id }: { event_id: string }) => event_id);
const payload = async (id: string) => (await received(tenant, id)).payload;

describe("a batch", () => {
  it("of one event, as a list or as an object with one, is stored and processed", async () => {
    const service = await addService(tenant);
    const bodies = [`[${element("a")}]`, `{"at":[1],"events":[${element("b")}],"more":[2]}`];
    for (const [at, body] of bodies.entries()) {
      const reply = await deliver(await signedBatch(service, body));
      expect([reply.status, reply.json]).toEqual([
        202,
        {
          accepted: 1,
          duplicate: 0,
          rejected: 0,
          results: [{ index: 0, status: "accepted", event_id: expect.stringMatching(/^whevent_/) }],
        },
      ]);
      const [id] = idsOf(reply);
      expect(await eventually(tenant, id as string, "completed")).toMatchObject({
        provider_id: ["a", "b"][at],
        type: "order.placed",
        service: service.slug,
        test: false,
      });
    }
  });

  it("of 500 events is stored whole, of 501 not at all", async () => {
    const service = await addService(tenant);
    const elements = Array.from({ length: 500 }, (_, at) => element(`many-${at}`));
    const reply = await send(service, ...elements);
    expect(reply.json).toMatchObject({ accepted: 500, duplicate: 0, rejected: 0 });
    expect(reply.json.results.map(({ index }: { index: number }) => index)).toEqual([
      ...elements.keys(),
    ]);
    expect(new Set(idsOf(reply)).size).toBe(500);
    const last = idsOf(reply).at(-1) as string;
    expect(await received(tenant, last)).toMatchObject({ provider_id: "many-499" });
    const again = await send(service, ...elements);
    expect(again.json).toMatchObject({ accepted: 0, duplicate: 500, rejected: 0 });
    expect(idsOf(again)).toEqual(idsOf(reply));
    const tooMany = await signedBatch(service, `[${[...elements, "{}"].join(",")}]`);
    await turnedAway(tenant, () => deliver(tooMany), {
      status: 413,
      problem: "content-too-large",
      rejection: `${service.slug} content-too-large`,
    });
  });

  it("of 1.5 MB is stored, of one byte more is not", async () => {
    const service = await addService(tenant);
    const body = `[${element("large")}]`.padEnd(MOST_BYTES, " ");
    expect((await deliver(await signedBatch(service, body))).json).toMatchObject({ accepted: 1 });
    const larger = await signedBatch(service, `${body} `);
    await turnedAway(tenant, () => deliver(larger), {
      status: 413,
      problem: "content-too-large",
      rejection: `${service.slug} content-too-large`,
    });
  });

  it("of nothing stores nothing", async () => {
    const service = await addService(tenant);
    const before = await kept(tenant);
    for (const body of ["[]", " [ \n] ", '{"events":[]}']) {
      const reply = await deliver(await signedBatch(service, body));
      expect([reply.status, reply.json]).toEqual([
        202,
        { accepted: 0, duplicate: 0, rejected: 0, results: [] },
      ]);
    }
    expect((await kept(tenant)).stored).toEqual(before.stored);
  });

  it.each([
    ["an object without a list", '{"id":"a"}', "malformed-request"],
    ["a list of another name", '{"items":[{"id":"a"}]}', "malformed-request"],
    ["a list that is not at the top", '{"data":{"events":[{"id":"a"}]}}', "malformed-request"],
    ["events that are no list", '{"events":{"a":[1]}}', "malformed-request"],
    ["a string", '"events"', "malformed-request"],
    ["null", "null", "malformed-request"],
    ["no JSON", "[{]", "malformed-json"],
    ["nothing at all", "", "malformed-json"],
    ["a name twice, in one of its events", '[{"id":"a"},{"b":1,"b":2}]', "malformed-json"],
    ["two lists of events", '{"events":[],"events":[]}', "malformed-json"],
    ["half of a surrogate pair", String.raw`[{"id":"\ud83d"}]`, "malformed-json"],
    ["__proto__", '[{"__proto__":{}}]', "malformed-json"],
    ["10,000 levels", "[".repeat(10_000) + "]".repeat(10_000), "malformed-json"],
  ])("that is %s is turned away", async (_, body, problem) => {
    const service = await addService(tenant);
    const delivery = await signedBatch(service, body);
    await turnedAway(tenant, () => deliver(delivery), {
      status: 400,
      problem,
      rejection: `${service.slug} malformed-body`,
    });
  });

  it("that nobody signed rightly, or for no service, is turned away", async () => {
    const service = await addService(tenant);
    const forged = await signedBatch({ ...service, secret: "another" }, `[${element("a")}]`);
    await turnedAway(tenant, () => deliver(forged), {
      status: 401,
      problem: "invalid-signature",
      rejection: `${service.slug} signature-mismatch`,
    });
    const url = `${tenant.api}/webhooks/nobody/batch`;
    await turnedAway(tenant, () => deliver({ ...forged, url }), {
      status: 404,
      problem: "not-found",
      rejection: "null unknown-service",
    });
  });

  it("with bad events among good ones stores the good ones and names the bad ones", async () => {
    const service = await addService(tenant, "generic", { max_payload_bytes: 200 });
    const large = element("large", { text: "x".repeat(200) });
    const reply = await send(
      service,
      element("a"),
      "17",
      element("b"),
      large,
      '["c"]',
      element("d"),
      "null",
    );
    expect(reply.status).toBe(202);
    expect(reply.json).toMatchObject({ accepted: 3, duplicate: 0, rejected: 4 });
    expect(statusesOf(reply)).toEqual([
      "accepted",
      "rejected",
      "accepted",
      "rejected",
      "rejected",
      "accepted",
      "rejected",
    ]);
    const reasons = reply.json.results.flatMap(
      ({ index, reason }: { index: number; reason?: string }) => (reason ? [[index, reason]] : []),
    );
    expect(reasons).toEqual([
      [1, "element 1 is no object"],
      [3, "has more than 200 bytes"],
      [4, "element 4 is no object"],
      [6, "element 6 is no object"],
    ]);
    for (const [index, id] of [
      [0, "a"],
      [2, "b"],
      [5, "d"],
    ] as const) {
      const event = await received(tenant, idsOf(reply)[index] as string);
      expect([event.provider_id, event.payload.body]).toEqual([id, element(id)]);
    }
    const counted = await rejections(tenant);
    expect(counted[`${service.slug} malformed-body`]).toBe(3);
    expect(counted[`${service.slug} content-too-large`]).toBe(1);
    const onlyBad = await send(service, "1", "true");
    expect([onlyBad.status, onlyBad.json]).toMatchObject([202, { accepted: 0, rejected: 2 }]);
  });

  it("keeps the very text of each event", async () => {
    const service = await addService(tenant);
    const texts = [
      '{ "id" : "t1" ,"b":1, "a" : 1.0e+2 }',
      String.raw`{"id":"t2","text":"\u00e4\/\ud83d\ude00 ä 😀 \\ \" \u0000"}`,
      '{\r\n\t"id":"t3",\n"list":[ 1,2 , [ ] ],"o":{ }}',
      '{"id":"t4","big":123456789012345678901234567890,"zero":-0}',
      '{"id":"t5","events":[1,"],[",{"}":"{"}]}',
    ];
    const body = ` [\n${texts.map((text) => ` ${text}\t`).join(",\r\n")} ]\n`;
    const reply = await deliver(await signedBatch(service, body));
    expect(reply.json).toMatchObject({ accepted: texts.length });
    for (const [at, text] of texts.entries()) {
      const event = await received(tenant, idsOf(reply)[at] as string);
      expect(event).toMatchObject({
        provider_id: `t${at + 1}`,
        size: new TextEncoder().encode(text).byteLength,
        payload: { content_type: "application/json", encoding: "utf-8", body: text },
      });
    }
  });

  it("takes events as large as one may be, whatever is in them", async () => {
    const service = await addService(tenant);
    const quotes = element("quotes", { text: '"'.repeat(450_000) });
    const foreign = element("foreign", { text: "ä😀".repeat(80_000) });
    const lines = `{"id":"lines"${"\n".repeat(90_000)}}`;
    const large = await send(service, quotes, element("s1"), foreign, lines, element("s2"));
    expect(large.json, large.text).toMatchObject({ accepted: 5 });
    for (const [at, text] of [quotes, element("s1"), foreign, lines, element("s2")].entries()) {
      const { body } = await payload(idsOf(large)[at] as string);
      expect(body === text, `element ${at}`).toBe(true);
    }
    // Many small ones, all of what is escaped when they go in one statement.
    const escaped = Array.from({ length: 500 }, (_, at) =>
      element(`escaped-${at}`, { text: '"\\'.repeat(750) }),
    );
    const many = await send(service, ...escaped);
    expect(many.json, many.text.slice(0, 200)).toMatchObject({ accepted: 500 });
    const { body } = await payload(idsOf(many)[499] as string);
    expect(body === escaped[499]).toBe(true);
    const mib = element("mib").replace(/}$/, `,"t":"${"x".repeat(1_048_576)}"}`);
    expect((await send(service, mib)).json.results).toEqual([
      { index: 0, status: "rejected", reason: "has more than 1048576 bytes" },
    ]);
  });
});

describe("an event that comes twice", () => {
  it("in one batch, or in two, is stored once", async () => {
    const service = await addService(tenant);
    const first = await send(
      service,
      element("a"),
      element("b"),
      element("a"),
      '{"x":1}',
      '{"x":1}',
    );
    expect(statusesOf(first)).toEqual([
      "accepted",
      "accepted",
      "duplicate",
      "accepted",
      "duplicate",
    ]);
    const [a, b, a2, x, x2] = idsOf(first);
    expect([a2, x2]).toEqual([a, x]);
    const second = await send(service, element("c"), '{"x":1}', element("b"));
    expect(statusesOf(second)).toEqual(["accepted", "duplicate", "duplicate"]);
    expect(idsOf(second).slice(1)).toEqual([x, b]);
    const elsewhere = await send(await addService(tenant), element("a"));
    expect(statusesOf(elsewhere)).toEqual(["accepted"]);
  });

  it.each<SchemeName>([
    "generic",
    "hmac-body",
    "stripe",
    "github",
    "shopify",
    "paddle",
    "square",
    "pagerduty",
    "slack",
    "zendesk",
  ])("in a batch and by itself is stored once: %s", async (scheme) => {
    const service = await addService(tenant, scheme);
    const single = async (body: string) => deliver(await signed(service, body));
    const [one, two] = [element("one"), element("two", { event_id: "e2" })];
    const alone = await single(one);
    expect(alone.status).toBe(202);
    const batch = await send(service, two, one);
    expect(statusesOf(batch)).toEqual(["accepted", "duplicate"]);
    expect(idsOf(batch)[1]).toBe(alone.json.event_id);
    const again = await single(two);
    expect([again.status, again.json.event_id]).toEqual([200, idsOf(batch)[0]]);
  });

  it("with one id and two bodies is two events, the second in conflict", async () => {
    const service = await addService(tenant);
    const more = (n: number) => element("same", { n });
    const first = await send(
      service,
      more(1),
      element("other"),
      more(2),
      more(1),
      more(3),
      more(2),
    );
    expect(statusesOf(first)).toEqual([
      "accepted",
      "accepted",
      "accepted",
      "duplicate",
      "accepted",
      "duplicate",
    ]);
    const second = await send(service, more(4), more(1));
    expect(statusesOf(second)).toEqual(["accepted", "duplicate"]);
    const conflicting = async (reply: Reply, at: number) =>
      (await received(tenant, idsOf(reply)[at] as string)).conflicting;
    const told = await Promise.all([0, 1, 2, 4].map((at) => conflicting(first, at)));
    expect(told).toEqual([false, false, true, true]);
    expect(await conflicting(second, 0)).toBe(true);
  });

  it.each<[SchemeName, string, string, string | null]>([
    [
      "pagerduty",
      '{"event":{"event_type":"incident.triggered"},"type":"x"}',
      "incident.triggered",
      null,
    ],
    ["github", '{"event_type":"push","id":7}', "push", "7"],
    ["zendesk", '{"type":"zen:event","id":"z"}', "zen:event", "z"],
    ["stripe", '{"type":"invoice.paid","id":"evt_1"}', "invoice.paid", "evt_1"],
    ["generic", '{"a":1}', "unknown", null],
  ])("is named by its body alone: %s", async (scheme, body, type, provider_id) => {
    const service = await addService(tenant, scheme);
    const reply = await send(service, body);
    expect(await received(tenant, idsOf(reply)[0] as string)).toMatchObject({ type, provider_id });
  });
});

it("has its bell rung even if nobody can look what became of it", async () => {
  const service = await addService(tenant);
  const queues = keptQueues();
  let broken = false;
  const worker = openWorker({
    ...wrapAll(() => (trip, run) => {
      const looks = trip.kind === "read" && trip.sql.some((sql) => sql.includes("dedupe_key"));
      return broken && looks ? Promise.reject(new Error("D1_ERROR: Gone.")) : run();
    }),
    ...queues.bindings,
  });
  const { url, headers, body } = await signedBatch(service, `[${element("rung")}]`);
  const post = () => worker.call("POST", url, { raw: body, headers });
  broken = true;
  expect((await post()).status).toBe(503);
  expect(queues.take().map(({ body }) => body)).toMatchObject([{ job: "webhooks.drain" }]);
  broken = false;
  expect((await post()).json).toMatchObject({ duplicate: 1 });
});

it("is not answered 2xx when the database does not answer", async () => {
  const service = await addService(tenant);
  let broken = false;
  const lost = new Error("D1_ERROR: Network connection lost.");
  const worker = openWorker(wrapAll(() => (_, run) => (broken ? Promise.reject(lost) : run())));
  const { url, headers, body } = await signedBatch(service, `[${element("a")},${element("b")}]`);
  const post = () => worker.call("POST", url, { raw: body, headers });
  broken = true;
  const reply = await post();
  expect([reply.status, problemOf(reply), reply.headers.get("retry-after")]).toEqual([
    503,
    "database-unavailable",
    "5",
  ]);
  broken = false;
  expect((await post()).json).toMatchObject({ accepted: 2 });
});

it("is audited once, with how many there were", async () => {
  const service = await addService(tenant);
  await send(service, element("a"), element("b"));
  await send(service, element("a"), element("b"));
  const reply = await call("GET", `${tenant.api}/audit?action=webhook.batch_accepted&limit=1`, {
    token: tenant.admin.token,
  });
  expect(reply.json.data).toMatchObject([{ private: { service: service.slug, events: 2 } }]);
  const database = await databaseOfTenant(tenant.slug);
  const { results } = await database
    .prepare(
      "SELECT private.data FROM audit_log JOIN audit_private AS private ON audit_id = id WHERE action = 'webhook.batch_accepted'",
    )
    .all<{ data: string }>();
  expect(results.filter(({ data }) => data.includes(`"${service.slug}"`))).toHaveLength(1);
});
