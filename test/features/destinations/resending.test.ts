import { beforeAll, describe, expect, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import { problemOf } from "../../support/client.ts";
import { DAY, HOUR, MINUTE, standingClock } from "../../support/clock.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  type TestDestination,
} from "../../support/destinations.ts";
import { showFigures } from "../../support/figures.ts";

const clock = standingClock();
let house: DeliveryHouse;
beforeAll(async () => {
  house = await deliveryHouse();
});

/** A destination that answers so, and then well. */
async function answering(...statuses: number[]): Promise<TestDestination> {
  await house.database.batch([
    house.database.prepare("UPDATE destinations SET event_types = '[\"no.more\"]'"),
    house.database.prepare("DELETE FROM deliveries"),
    house.database.prepare("DELETE FROM delivery_drain"),
  ]);
  const destination = await house.addDestination();
  await destination.receiver.set({ answers: statuses.map((status) => ({ status })) });
  return destination;
}

/** Ends the delivery that waits: it has no tries left, and is due. */
async function give(destination: TestDestination): Promise<void> {
  await house.database
    .prepare(
      "UPDATE deliveries SET tries = 7, due_at = 0 WHERE destination_id = ? AND status = 'pending'",
    )
    .bind(destination.id)
    .run();
  await house.deliver();
}

const jobs = () => house.sent().map(({ body }) => body.job);

describe("a delivery", () => {
  it("that has failed is sent once more, with all its tries, under the same id", async () => {
    const destination = await answering(500, 500);
    await house.happen();
    await give(destination);
    const [failed] = await house.deliveries(destination);
    expect(failed.status).toBe("failed");
    house.sent();
    clock.pass(DAY);
    const reply = await house.ask("POST", `${destination.path}/deliveries/${failed.id}/resend`);
    expect(reply.status, reply.text).toBe(202);
    const now = new Date().toISOString();
    expect(reply.json).toEqual({
      ...failed,
      status: "pending",
      next_attempt_at: now,
      ended_at: null,
    });
    expect(jobs()).toEqual(["destinations.deliver"]);
    await house.deliver();
    const [again] = await house.deliveries(destination);
    // The first of eight pauses.
    expect(Date.parse(again.next_attempt_at) - Date.now()).toBe(5_000);
    clock.pass(MINUTE);
    await house.deliver();
    expect(await house.detail(destination, failed.id)).toMatchObject({
      status: "delivered",
      attempts: 3,
      attempt_log: [{ outcome: "failed" }, { outcome: "failed" }, { outcome: "delivered" }],
    });
    const arrived = await destination.receiver.arrived();
    expect(new Set(arrived.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(arrived.map(({ body }) => body)).size).toBe(1);
    expect(await house.actions(failed.id)).toEqual(["delivery.resent"]);
  });

  it("that has arrived is sent once more too, and so is one that waits", async () => {
    const destination = await answering(200, 500);
    await house.happen();
    await house.deliver();
    await house.happen();
    await house.deliver();
    const [waiting, delivered] = await house.deliveries(destination);
    expect([waiting.status, delivered.status]).toEqual(["pending", "delivered"]);
    for (const { id } of [waiting, delivered]) {
      const reply = await house.ask("POST", `${destination.path}/deliveries/${id}/resend`);
      expect(reply.status, reply.text).toBe(202);
    }
    await house.deliver();
    expect(await destination.receiver.arrived()).toHaveLength(4);
    const after = await house.deliveries(destination);
    expect(after.map(({ status }) => status)).toEqual(["delivered", "delivered"]);
  });

  it("that is being sent, or whose destination is disabled, is not", async () => {
    const destination = await answering(200);
    await house.happen();
    const [delivery] = await house.deliveries(destination);
    const path = `${destination.path}/deliveries/${delivery.id}/resend`;
    await house.deliver({
      findEvent: async () => {
        expect(problemOf(await house.ask("POST", path))).toBe("delivery-state");
        return undefined;
      },
    });
    expect((await house.deliveries(destination))[0]).toMatchObject({
      status: "failed",
      attempts: 0,
      last_error: "The event is not kept any more.",
    });
    await house.ask("PUT", destination.path, { status: "disabled" });
    expect(problemOf(await house.ask("POST", path))).toBe("delivery-state");
    expect((await house.deliveries(destination))[0].status).toBe("failed");
    const bulk = await house.ask("POST", `${destination.path}/resend`, {});
    expect(problemOf(bulk)).toBe("delivery-state");
  });

  it("of another destination is none of this one", async () => {
    const [one, other] = [await answering(200), await house.addDestination()];
    await house.happen();
    await house.deliver();
    const [delivery] = await house.deliveries(other);
    for (const [method, rest] of [
      ["GET", ""],
      ["POST", "/resend"],
    ] as const) {
      const reply = await house.ask(method, `${one.path}/deliveries/${delivery.id}${rest}`);
      expect(problemOf(reply)).toBe("not-found");
    }
  });
});

describe("many deliveries", () => {
  it("are sent once more by how they ended, type and time; a dry run only counts", async ({
    task,
  }) => {
    const destination = await answering();
    const times: string[] = [];
    for (const type of ["a.one", "b.two", "a.one", "b.two"]) {
      clock.pass(HOUR);
      times.push(new Date().toISOString());
      await house.happen(type);
      await house.deliver();
    }
    const ids = (await house.deliveries(destination)).map(({ id }) => id).reverse();
    const fail = (count: number) =>
      house.database
        .prepare(
          "UPDATE deliveries SET status = 'failed' WHERE id IN (SELECT value FROM json_each(?))",
        )
        .bind(JSON.stringify(ids.slice(0, count)))
        .run();
    await fail(3);
    const path = `${destination.path}/resend`;
    const matched: [Record<string, unknown>, number][] = [
      [{}, 3],
      [{ status: "failed" }, 3],
      [{ status: "delivered" }, 1],
      [{ event_type: "a.one" }, 2],
      [{ event_type: "a.*" }, 0],
      [{ status: "delivered", event_type: "a.one" }, 0],
      [{ from: times[1] }, 2],
      [{ to: times[1] }, 1],
      [{ from: times[1], to: times[2] }, 1],
      [{ from: times[3] }, 0],
    ];
    house.sent();
    for (const [filters, count] of matched) {
      const reply = await house.ask("POST", path, { ...filters, dry_run: true });
      expect(reply.json, JSON.stringify(filters)).toEqual({
        matched: count,
        resent: 0,
        more: false,
      });
    }
    expect(jobs()).toEqual([]);
    await house.deliver();
    expect(await destination.receiver.arrived()).toHaveLength(4);
    const one = await house.ask("POST", path, { event_type: "b.two" });
    expect([one.status, one.json]).toEqual([202, { matched: 1, resent: 1, more: false }]);
    expect(jobs()).toEqual(["destinations.deliver"]);
    await house.deliver();
    const arrived = await destination.receiver.arrived();
    expect(arrived).toHaveLength(5);
    expect(arrived[4]?.headers["webhook-id"]).toBe(arrived[1]?.headers["webhook-id"]);
    const rest = await house.ask("POST", path, {});
    expect(rest.json).toEqual({ matched: 2, resent: 2, more: false });
    await house.deliver();
    expect((await house.ask("POST", path, {})).json).toEqual({
      matched: 0,
      resent: 0,
      more: false,
    });
    expect((await house.deliveries(destination)).map(({ status }) => status)).toEqual(
      Array(4).fill("delivered"),
    );
    expect((await house.actions(destination.id)).slice(1)).toEqual([
      "delivery.delivered",
      "delivery.delivered",
      "delivery.delivered",
      "delivery.delivered",
      "delivery.resent",
      "delivery.resent",
    ]);
    showFigures(task, `${matched.length} dry runs changed nothing; 3 of 4 sent once more`);
  });

  it("are 1,000 a call at most, the oldest first", async () => {
    const destination = await answering();
    const ids = Array.from({ length: 1_002 }, () => newId("delivery")).sort();
    await house.database
      .prepare(
        `INSERT INTO deliveries (id, destination_id, event_id, type, status, attempts, tries,
            created_at, ended_at)
          SELECT value, ?, replace(value, 'delivery', 'event'), 'a.b', 'failed', 8, 8, ?, ? FROM json_each(?)`,
      )
      .bind(destination.id, Date.now(), Date.now(), JSON.stringify(ids))
      .run();
    const path = `${destination.path}/resend`;
    const counted = await house.ask("POST", path, { dry_run: true });
    expect(counted.json).toEqual({ matched: 1_002, resent: 0, more: true });
    const sent = await house.ask("POST", path, {});
    expect(sent.json).toEqual({ matched: 1_000, resent: 1_000, more: true });
    const left = await house.deliveries(destination, "?status=failed");
    expect(left.map(({ id }) => id)).toEqual([ids[1_001], ids[1_000]]);
  });
});

it("lists go by status and type, page by page, the newest first", async () => {
  const destination = await answering(500);
  for (const type of ["x.one", "x.two", "x.one", "x.two", "x.one"]) {
    clock.pass(1);
    await house.happen(type);
    await house.deliver();
  }
  const all = await house.deliveries(destination);
  expect(all.map(({ event_type }) => event_type)).toEqual([
    "x.one",
    "x.two",
    "x.one",
    "x.two",
    "x.one",
  ]);
  const idsBy = async (query: string) =>
    (await house.deliveries(destination, query)).map(({ id }) => id);
  const ids = all.map(({ id }) => id);
  expect(await idsBy("?status=pending")).toEqual([ids[4]]);
  expect(await idsBy("?status=delivered")).toEqual(ids.slice(0, 4));
  expect(await idsBy("?event_type=x.two")).toEqual([ids[1], ids[3]]);
  expect(await idsBy("?event_type=x.one&status=delivered")).toEqual([ids[0], ids[2]]);
  expect(await idsBy("?event_type=x.two&status=pending")).toEqual([]);
  const pages: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path = `${destination.path}/deliveries?limit=2${cursor && `&cursor=${cursor}`}`;
    const { json } = await house.ask("GET", path);
    pages.push(...json.data.map(({ id }: { id: string }) => id));
    cursor = json.next_cursor;
  }
  expect(pages).toEqual(ids);
  const { json } = await house.ask("GET", `${destination.path}/deliveries?limit=2`);
  const other = await house.addDestination();
  const foreign = await house.ask("GET", `${other.path}/deliveries?cursor=${json.next_cursor}`);
  expect(problemOf(foreign)).toBe("invalid-cursor");
});
