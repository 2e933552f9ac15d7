/** Batches of doorbells, and what becomes of their messages. */
import { sql } from "drizzle-orm";
import { beforeAll, describe, expect, it } from "vitest";
import type { QueueJob } from "../../../src/platform/jobs/consume.ts";
import { type Doorbell, doorbell } from "../../../src/platform/jobs/doorbell.ts";
import { realm } from "../../../src/platform/tenancy/index.ts";
import { brokenControl, brokenTenant } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { bring } from "../../support/queue-batches.ts";
import { bindings } from "../../support/worker.ts";

/** What a bell of a job tells its consumer. */
const bellOf = (name: string, house: TestTenant, more?: Parameters<typeof doorbell>[2]) =>
  doorbell({ name, queue: "doorbells" }, house, more).body;

type Work = (slug: string, bell: Doorbell) => Promise<void> | void;

/** A job that notes who was visited. */
function jobOf(name: string, work: Work = () => {}, queue: QueueJob["queue"] = "doorbells") {
  const runs: (readonly [string, Omit<Doorbell, "job" | "tenant_id" | "slug">])[] = [];
  const job: QueueJob = {
    name,
    queue,
    run: async (ctx, bell) => {
      const { job: _, tenant_id, slug, ...more } = bell;
      expect([ctx.realm.id, ctx.realm.slug, ctx.db.realmId]).toEqual([tenant_id, slug, tenant_id]);
      expect(ctx.principal).toEqual({ kind: "job", name });
      runs.push([slug, more]);
      await work(slug, bell);
    },
  };
  return { job, runs };
}

describe("a batch of doorbells", () => {
  let a: TestTenant;
  let b: TestTenant;
  let many: TestTenant[];
  beforeAll(async () => {
    many = [];
    for (let made = 0; made < 6; made++) many.push(await newTenant());
    [a, b] = many as [TestTenant, TestTenant];
  });
  const ring = (
    house: TestTenant,
    more: { item?: string; again?: Doorbell["again"] } = {},
    job = "t.work",
  ) => bellOf(job, house, more);

  it("is one run per tenant, job and item, in the order of their coming", async () => {
    const work = jobOf("t.work");
    const other = jobOf("t.other");
    const bells = [
      ring(a),
      ring(b),
      ring(a),
      ring(a, { item: "x" }),
      ring(a, { item: "y" }),
      ring(a, { item: "x" }),
      ring(a, {}, "t.other"),
      ring(b),
    ];
    const settled = await bring("doorbells", bells, { jobs: [work.job, other.job] });
    expect(settled).toEqual({ acked: [0, 1, 2, 3, 4, 5, 6, 7], retried: [] });
    expect(work.runs).toHaveLength(4);
    expect(work.runs).toEqual(
      expect.arrayContaining([
        [a.slug, {}],
        [b.slug, {}],
        [a.slug, { item: "x" }],
        [a.slug, { item: "y" }],
      ]),
    );
    expect(other.runs).toEqual([[a.slug, {}]]);
  });

  it("counts as the job's own ring when one of them is, wherever it stands", async () => {
    for (const bells of [
      [ring(a), ring(a, { again: true }), ring(a)],
      [ring(a, { again: true }), ring(a)],
      [ring(a), ring(a, { again: true })],
    ]) {
      const { job, runs } = jobOf("t.work");
      await bring("doorbells", bells, { jobs: [job] });
      expect(runs).toEqual([[a.slug, { again: true }]]);
    }
  });

  it("is one run per chain, for the job alone knows which is alive; bells of none go with any", async () => {
    const { job, runs } = jobOf("t.work");
    const bells = ["one", undefined, "two", "one", undefined, "two"].map((again) =>
      ring(a, again === undefined ? {} : { again }),
    );
    const settled = await bring("doorbells", bells, { jobs: [job] });
    expect(settled.acked).toHaveLength(bells.length);
    expect(runs).toHaveLength(2);
    expect(runs).toEqual(
      expect.arrayContaining([
        [a.slug, { again: "one" }],
        [a.slug, { again: "two" }],
      ]),
    );
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["a text", "webhooks.drain"],
    ["no tenant", { job: "t.work", slug: "s" }],
    ["something else besides", { job: "t.work", tenant_id: "t", slug: "s", admin: true }],
    ["another type of again", { job: "t.work", tenant_id: "t", slug: "s", again: 1 }],
  ])("drops and logs what is no doorbell: %s", async (_, body) => {
    const { job, runs } = jobOf("t.work");
    const { result, entries } = await captureLogs(() =>
      bring("doorbells", [ring(a), body, ring(b)], { jobs: [job] }),
    );
    expect(result).toEqual({ acked: [0, 1, 2], retried: [] });
    expect(runs).toHaveLength(2);
    expect(entries.filter(({ level }) => level === "error")).toMatchObject([
      { message: "queue message dropped", why: "not a doorbell", ids: ["1"] },
    ]);
  });

  it("drops and logs a job that nobody knows, in every queue", async () => {
    for (const queue of ["doorbells", "deliveries", "dead-letters"] as const) {
      const { result, entries } = await captureLogs(() =>
        bring(queue, [ring(a), ring(a)], { jobs: [] }),
      );
      expect(result).toEqual({ acked: [0, 1], retried: [] });
      expect(entries).toMatchObject([
        { level: "error", message: "queue message dropped", why: "no such job", ids: ["0", "1"] },
      ]);
    }
  });

  it("has nothing due at a tenant that is gone, or at a slug that is another's", async () => {
    const { job, runs } = jobOf("t.work");
    const bells = [
      ring({ ...a, slug: "never-was" }),
      ring({ ...a, slug: b.slug }),
      ring({ ...a, id: "tenant_of_nobody" }),
    ];
    expect(await bring("doorbells", bells, { jobs: [job] })).toEqual({
      acked: [0, 1, 2],
      retried: [],
    });
    expect(runs).toEqual([]);
  });

  it("brings back all messages of a job that failed, and only those", async () => {
    const { job, runs } = jobOf("t.work", (slug) => {
      if (slug === a.slug) throw new Error("not today");
    });
    const bells = [ring(a), ring(b), ring(a), ring(b), ring(a, { again: true })];
    const { result, entries } = await captureLogs(() => bring("doorbells", bells, { jobs: [job] }));
    expect(result).toEqual({
      acked: [1, 3],
      retried: [
        [0, 10],
        [2, 10],
        [4, 10],
      ],
    });
    expect(runs).toHaveLength(2);
    const told = entries.filter(({ message }) => message === "job");
    expect(told).toMatchObject([
      expect.objectContaining({ job: "t.work", principal: "job:t.work" }),
      expect.objectContaining({ job: "t.work" }),
    ]);
    expect(told.map(({ tenant, status }) => `${tenant} ${status}`).sort()).toEqual(
      [`${a.slug} failed`, `${b.slug} ok`].sort(),
    );
  });

  it("brings back what a database that is down could not serve", async () => {
    const { job } = jobOf("t.work", () => {});
    const reading: QueueJob = {
      ...job,
      run: async (ctx) => {
        await ctx.db.read((reader) => reader.select({ one: sql<number>`1` }).from(realm));
      },
    };
    const env = { ...bindings, ...(await brokenTenant(a.slug)) };
    const bells = [ring(a), ring(b)];
    expect(await bring("doorbells", bells, { env, jobs: [reading] })).toEqual({
      acked: [1],
      retried: [[0, 10]],
    });
    // A tenant that this isolate does not know yet, while the registry is silent.
    const stranger = ring({ id: "tenant_x", slug: "unheard-of" } as TestTenant);
    const silent = { ...bindings, ...brokenControl() };
    expect(await bring("doorbells", [stranger], { env: silent, jobs: [reading] })).toEqual({
      acked: [],
      retried: [[0, 10]],
    });
  });

  it("serves four tenants at once: one that hangs holds up no other", async () => {
    let inside = 0;
    let most = 0;
    const open = Promise.withResolvers<void>();
    const { job, runs } = jobOf("t.work", async (slug) => {
      most = Math.max(most, ++inside);
      // The first hangs until all others were served; they wait for one another, up to four.
      if (slug === a.slug) await open.promise;
      else if (runs.length === many.length) open.resolve();
      inside -= 1;
    });
    const rings = many.map((house) => ring(house));
    const settled = await bring("doorbells", rings, { jobs: [job] });
    expect(settled.acked).toHaveLength(many.length);
    expect(most).toBeGreaterThan(1);
    const together = Promise.withResolvers<void>();
    inside = 0;
    most = 0;
    const gathering = jobOf("t.work", async () => {
      most = Math.max(most, ++inside);
      if (inside === 4) together.resolve();
      await together.promise;
      inside -= 1;
    });
    await bring("doorbells", rings, { jobs: [gathering.job] });
    expect(most).toBe(4);
  });
});

describe("doorbells that the platform gave up on", () => {
  let a: TestTenant;
  let b: TestTenant;
  beforeAll(async () => {
    [a, b] = [await newTenant(), await newTenant()];
  });

  it("are rung anew after five minutes, one for all equal ones; dead letters are served", async () => {
    const queues = keptQueues();
    const env = { ...bindings, ...queues.bindings };
    const work = jobOf("t.work");
    const burial = jobOf("t.bury", () => {}, "dead-letters");
    const bells = [
      bellOf("t.work", a),
      bellOf("t.work", b),
      bellOf("t.work", a, { again: true }),
      bellOf("t.bury", a, { item: "x" }),
    ];
    const settled = await bring("dead-letters", bells, { env, jobs: [work.job, burial.job] });
    expect(settled).toEqual({ acked: [0, 1, 2, 3], retried: [] });
    expect(work.runs).toEqual([]);
    expect(burial.runs).toEqual([[a.slug, { item: "x" }]]);
    const sent = queues.take();
    expect(sent).toHaveLength(2);
    expect(sent).toEqual(
      expect.arrayContaining([
        { queue: "doorbells", body: bellOf("t.work", a, { again: true }), delaySeconds: 300 },
        { queue: "doorbells", body: bellOf("t.work", b), delaySeconds: 300 },
      ]),
    );
  });

  it("are rung in the queue of their job", async () => {
    const queues = keptQueues();
    const env = { ...bindings, ...queues.bindings };
    const [work, post] = [jobOf("t.work"), jobOf("t.post", () => {}, "deliveries")];
    const bells = [bellOf("t.post", a, { again: "token" }), bellOf("t.work", a)];
    const settled = await bring("dead-letters", bells, { env, jobs: [work.job, post.job] });
    expect(settled).toEqual({ acked: [0, 1], retried: [] });
    const sent = queues.take();
    expect(sent).toHaveLength(2);
    expect(sent).toEqual(
      expect.arrayContaining([
        { queue: "deliveries", body: bells[0], delaySeconds: 300 },
        { queue: "doorbells", body: bells[1], delaySeconds: 300 },
      ]),
    );
    expect([work.runs, post.runs]).toEqual([[], []]);
    // There they are served.
    expect(await bring("deliveries", [bells[0]], { env, jobs: [work.job, post.job] })).toEqual({
      acked: [0],
      retried: [],
    });
    expect(post.runs).toEqual([[a.slug, { again: "token" }]]);
  });

  it("come again when the queue refuses them, and hold up nothing else", async () => {
    const queues = keptQueues();
    const env = { ...bindings, ...queues.bindings };
    const work = jobOf("t.work");
    const burial = jobOf("t.bury", () => {}, "dead-letters");
    queues.breakWith("Queue is down");
    const bells = [bellOf("t.work", a), bellOf("t.bury", a, { item: "x" }), bellOf("t.work", a)];
    const { result, entries } = await captureLogs(() =>
      bring("dead-letters", bells, { env, jobs: [work.job, burial.job] }),
    );
    expect(result).toEqual({
      acked: [1],
      retried: [
        [0, 10],
        [2, 10],
      ],
    });
    expect(burial.runs).toEqual([[a.slug, { item: "x" }]]);
    expect(entries).toContainEqual(expect.objectContaining({ message: "doorbell not rung again" }));
  });
});

it("the platform's own realm has no bell", () => {
  const job = { name: "t.work", queue: "doorbells" } as const;
  expect(() => doorbell(job, { id: "platform", slug: null })).toThrow(
    "The job t.work is a tenant's.",
  );
});
