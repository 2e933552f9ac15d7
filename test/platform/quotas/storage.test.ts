/** Storage: over it nothing is added; all that handles, changes, removes or comes as a webhook goes on. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FIXTURES, type Scene, type Target } from "../../isolation/fixtures.ts";
import { type House, newHouse, ownerCredential, send } from "../../isolation/houses.ts";
import { addActor } from "../../support/actors.ts";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import { operationsOf } from "../../support/operations.ts";
import { expectOver, giveQuotas, workerWith } from "../../support/quotas.ts";
import { databaseOfTenant, openWorker, wrapAll } from "../../support/worker.ts";

/** For how long an isolate believes what it has read of a caller, in ms. */
const BELIEVED = 5 * SECOND;

/** POSTs that are served whatever is stored, by hand: a new one is refused, or is named here. */
const SERVED = {
  "signing in and out, and what guards it": [
    "signIn",
    "refresh",
    "signOut",
    "changePassword",
    "unlockUser",
    "rotateDestinationSecret",
  ],
  webhooks: ["receiveWebhook", "receiveWebhookBatch", "replayWebhookEvent", "replayDeadLetters"],
  "looking after what is there": [
    "acknowledgeSignal",
    "assignSignal",
    "resolveSignal",
    "resendDelivery",
    "resendDeliveries",
    "openBreaker",
    "closeBreaker",
    "resetBreaker",
  ],
  "what adds nothing": ["callService", "createStreamTicket"],
};

describe("the quota of storage", () => {
  const clock = standingClock({ between: 6 * SECOND });
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });

  it("refuses every POST of the document that is not named, and no other", async ({ task }) => {
    const house = await newHouse();
    const operations = await operationsOf(house.tenant.origin);
    const posts = operations.filter(({ method }) => method === "POST");
    const served = Object.values(SERVED).flat();
    expect(posts.map(({ id }) => id)).toEqual(expect.arrayContaining(served));
    const aims = [];
    for (const post of posts) {
      const scene = await sceneOf(house);
      const name = `POST ${post.path}`;
      const target: Target = (await FIXTURES[name]?.target?.(scene)) ?? {};
      aims.push({ ...post, name, scene, target });
    }
    await giveQuotas(operator, house.tenant, { storage_bytes: 1 });
    clock.pass(BELIEVED);
    const refused: string[] = [];
    for (const { id, name, scene, target } of aims) {
      const credential = await ownerCredential(scene, target);
      const reply = await send(name, "tenant", house, target, credential);
      if (served.includes(id)) expect(reply.status, `${name}: ${reply.text}`).toBeLessThan(300);
      else {
        expect([reply.status, problemOf(reply)], name).toEqual([403, "quota-exceeded"]);
        expect(reply.json, name).toMatchObject({
          "violated-policies": ["storage_bytes"],
          quota: 1,
        });
        expect(reply.json.used, name).toBeGreaterThan(100_000);
        refused.push(id);
      }
    }
    showFigures(
      task,
      `  ${refused.length} refused: ${refused.join(", ")}; ${served.length} served`,
    );
    expect(refused.length).toBeGreaterThanOrEqual(10);
  });
  const sceneOf = async (house: House): Promise<Scene> => ({
    house,
    owner: await addUser(house.tenant, "admin"),
    api: house.tenant.api,
  });

  it("is told by the document wherever it may refuse", async () => {
    const { origin } = await newTenant();
    const { json } = await call("GET", `${origin}/openapi.json`);
    const told = Object.values(json.paths as Record<string, Record<string, Told>>)
      .flatMap((path) => Object.values(path))
      .filter(({ responses }) => responses[403]?.description.includes("`over-quota`"))
      .map(({ operationId }) => operationId);
    const posts = (await operationsOf(origin)).filter(({ method }) => method === "POST");
    const served = Object.values(SERVED).flat();
    const expected = posts.map(({ id }) => id).filter((id) => !served.includes(id));
    expect(told.sort()).toEqual(expected.sort());
    expect(json.components.examples["over-quota"].value).toMatchObject({
      type: "https://rowhouse.dev/problems/quota-exceeded",
      status: 403,
      "violated-policies": ["users"],
      quota: 100,
      used: 100,
    });
  });
  interface Told {
    readonly operationId: string;
    readonly responses: Record<string, { readonly description: string }>;
  }

  describe("of a tenant that fills it", () => {
    let house: TestTenant;
    let database: D1Database;
    let actor: string;
    beforeEach(async () => {
      house = await newTenant();
      database = await databaseOfTenant(house.slug);
      actor = await addActor(house);
    });
    const size = async () => (await database.prepare("SELECT 1").run()).meta.size_after;
    const event = (text: string) => ({
      actor_id: actor,
      event_type: "note",
      metadata: { text },
    });
    const { token } = { token: () => house.admin.token };

    it("costs no trip, and is over at most by what one commit adds", async ({ task }) => {
      const quota = (await size()) + 300_000;
      const trips: string[] = [];
      const worker = openWorker({
        ...workerWith({ storage_bytes: quota }).env,
        ...wrapAll((binding) => (trip, run) => {
          trips.push(`${binding} ${trip.kind}`);
          return run();
        }),
      });
      const text = "x".repeat(16_000);
      let stored = 0;
      for (; stored < 100; stored++) {
        trips.length = 0;
        const reply = await worker.call("POST", `${house.api}/events`, {
          token: token(),
          body: event(text),
        });
        if (reply.status === 403) {
          expectOver(reply, "storage_bytes", quota, reply.json.used);
          break;
        }
        expect(reply.status, reply.text).toBe(201);
        expect(trips.filter((trip) => trip.endsWith("batch"))).toHaveLength(1);
      }
      const used = await size();
      showFigures(task, `  ${stored} of 16 KB stored for 300 KB; ${used - quota} bytes over`);
      expect(stored).toBeGreaterThan(10);
      expect(used - quota).toBeGreaterThanOrEqual(0);
      expect(used - quota).toBeLessThan(40_000);
      // The refusal itself is one trip, its audit row.
      expect(trips.filter((trip) => trip.endsWith("batch"))).toHaveLength(1);
    });

    it("is known to an isolate that has not written, from its look at the caller", async () => {
      const operatorsWord = await giveQuotas(operator, house, { storage_bytes: await size() });
      expect(operatorsWord.status).toBe(200);
      const { noteSize } = await import("../../../src/platform/quotas/sizes.ts");
      // What an isolate knows that has only just begun.
      noteSize(house.id, 0);
      clock.pass(BELIEVED);
      const body = { type: "support", name: "One more" };
      const reply = await call("POST", `${house.api}/actors`, { token: token(), body });
      expect([reply.status, problemOf(reply)]).toEqual([403, "quota-exceeded"]);
    });

    it("has room again when something is deleted", async () => {
      const spare = await addActor(house);
      await database.exec("CREATE TABLE ballast (text TEXT)");
      await database.prepare("INSERT INTO ballast VALUES (?)").bind("x".repeat(200_000)).run();
      const worker = workerWith({ storage_bytes: (await size()) - 50_000 });
      const body = { type: "support", name: "One more" };
      const add = () => worker.call("POST", `${house.api}/actors`, { token: token(), body });
      clock.pass(BELIEVED);
      expect((await add()).status).toBe(403);
      await database.exec("DELETE FROM ballast");
      const gone = await worker.call("DELETE", `${house.api}/actors/${spare}`, { token: token() });
      expect(gone.status, gone.text).toBe(204);
      expect((await add()).status).toBe(201);
    });

    it("gives a repeated key its first answer", async () => {
      const body = { type: "support", name: "Once" };
      const headers = { "idempotency-key": "once" };
      const post = () => call("POST", `${house.api}/actors`, { token: token(), body, headers });
      const first = await post();
      expect(first.status).toBe(201);
      await giveQuotas(operator, house, { storage_bytes: 0 });
      clock.pass(BELIEVED);
      const again = await post();
      expect([again.status, again.text]).toEqual([201, first.text]);
      const other = await call("POST", `${house.api}/actors`, { token: token(), body });
      expect(other.status).toBe(403);
    });
  });
});
