import { beforeAll, describe, expect, it } from "vitest";
import {
  addUser,
  type CallOptions,
  call,
  newTenant,
  PASSWORD,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { faultyLine } from "../../support/faults.ts";
import { showFigures } from "../../support/figures.ts";
import { seededRandom } from "../../support/random.ts";
import { times } from "../../support/registration.ts";
import { DEEP, databaseOfTenant, firstValue, openWorker, wrapAll } from "../../support/worker.ts";

/** Batches to be cut off. */
const FAULTS = DEEP ? 10_000 : 400;
/** Operations under way at once, each on rows of its own. */
const LANES = 40;

/** What the caller is told. */
type Told = "done" | "refused" | "not done" | "unknown";

/** One request, and how to see behind the API what came of it. */
interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly options: CallOptions;
  /** Action of the audit row that belongs to the change. */
  readonly action: string;
  /** How often the change is there. */
  readonly made: () => Promise<number>;
  /** How often it is there when the answer is true: the answer of a success. */
  readonly success: number;
}

/** Tables of counts, added up. */
function sumOf(tables: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, value] of tables.flatMap((table) => Object.entries(table))) {
    sum[name] = (sum[name] ?? 0) + value;
  }
  return sum;
}

describe("a commit whose connection is lost", () => {
  let house: TestTenant;
  let database: D1Database;
  beforeAll(async () => {
    house = await newTenant("lossy");
    database = await databaseOfTenant(house.slug);
    // The routes are known and the keys loaded before the line goes bad.
    await call("GET", `${house.api}/auth/me`, { token: house.admin.token });
  });

  const count = (sql: string, ...values: unknown[]) => firstValue<number>(database, sql, ...values);
  let serial = 0;

  async function newPerson() {
    const email = `person-${++serial}@lossy.test`;
    const body = { email, password: PASSWORD, first_name: "A", last_name: "B", role: "user" };
    const reply = await call("POST", `${house.api}/users`, { token: house.admin.token, body });
    expect(reply.status, reply.text).toBe(201);
    return { id: reply.json.id as string, email, tag: reply.headers.get("etag") as string };
  }

  const make: Record<string, () => Promise<Attempt>> = {
    create: async () => {
      const email = `created-${++serial}@lossy.test`;
      const body = { email, password: PASSWORD, first_name: "A", last_name: "B", role: "user" };
      return {
        method: "POST",
        path: "/users",
        options: { token: house.admin.token, body },
        action: "user.created",
        made: () => count("SELECT count(*) FROM users WHERE email = ?", email),
        success: 201,
      };
    },
    update: async () => {
      const { id, tag } = await newPerson();
      return {
        method: "PUT",
        path: `/users/${id}`,
        options: {
          token: house.admin.token,
          body: { first_name: "Changed" },
          headers: { "if-match": tag },
        },
        action: "user.updated",
        made: () => count("SELECT version - 1 FROM users WHERE id = ?", id),
        success: 200,
      };
    },
    delete: async () => {
      const { id, tag } = await newPerson();
      return {
        method: "DELETE",
        path: `/users/${id}`,
        options: { token: house.admin.token, headers: { "if-match": tag } },
        action: "user.deleted",
        made: () => count("SELECT 1 - count(*) FROM users WHERE id = ?", id),
        success: 204,
      };
    },
    "sign in": async () => {
      const { id, email } = await newPerson();
      return {
        method: "POST",
        path: "/auth/login",
        options: { body: { email, password: PASSWORD } },
        action: "session.started",
        made: () => count("SELECT count(*) FROM sessions WHERE user_id = ?", id),
        success: 200,
      };
    },
    "fail to sign in": async () => {
      const email = `nobody-${++serial}@lossy.test`;
      // A network of its own, as failures of one are summed in one row.
      const ip = `10.${serial >> 8}.${serial & 255}.1`;
      return {
        method: "POST",
        path: "/auth/login",
        options: { body: { email, password: PASSWORD }, ip },
        action: "session.sign_in_failed",
        made: () =>
          count("SELECT coalesce(max(failures), 0) FROM sign_in_failures WHERE email = ?", email),
        success: 401,
      };
    },
    refresh: async () => {
      const user = await addUser(house, "user", `refresher-${++serial}@lossy.test`);
      return {
        method: "POST",
        path: "/auth/refresh",
        options: { body: { refresh_token: user.refreshToken } },
        action: "session.refreshed",
        made: () =>
          count(
            `SELECT max(generation) - 1 FROM refresh_tokens JOIN sessions
              ON sessions.id = session_id WHERE user_id = ?`,
            user.id,
          ),
        success: 200,
      };
    },
  };
  const KEYED = ["create", "update", "delete"];

  function toldBy(reply: Reply, success: number): Told {
    if (reply.status === success) return "done";
    const kind = problemOf(reply) as string;
    if (kind === "outcome-unknown") return "unknown";
    if (kind === "database-unavailable") return "not done";
    // Nobody else touches these rows: what is refused would be a lie.
    return "refused";
  }

  it(`leaves the change and its audit row once or not at all, and tells the truth (${FAULTS} faults)`, async ({
    task,
  }) => {
    const seeded = seededRandom("unknown outcomes");
    const answers: Record<string, number> = {};
    const wrong: string[] = [];

    /**
     * Choices and faults of a lane come from it alone, so that a seed brings them back, but for
     * who of the lanes fills a cache that they share.
     */
    function openLane(nth: number) {
      const random = seeded.fork(nth);
      const line = faultyLine(random, { batch: 0.8, read: 0.12 });
      return { random, line, lossy: openWorker(wrapAll(() => line.around)) };
    }

    async function attempt(name: string, lane: ReturnType<typeof openLane>): Promise<void> {
      const { random, line, lossy } = lane;
      const keyed = KEYED.includes(name) && random.chance(0.5);
      const { method, path, options, action, made, success } = await (
        make[name] as () => Promise<Attempt>
      )();
      const requestId = `lossy-${++serial}-${name.replaceAll(" ", "-")}`;
      const send = (by: typeof call, id: string) =>
        by(method, `${house.api}${path}`, {
          ...options,
          headers: {
            ...options.headers,
            "x-request-id": id,
            ...(keyed ? { "idempotency-key": requestId } : {}),
          },
        });
      const rows = () =>
        count(
          `SELECT coalesce(sum(coalesce(count, 1)), 0) FROM audit_log
            LEFT JOIN audit_sums USING (sum_key) WHERE request_id = ? AND action = ?`,
          requestId,
          action,
        );
      const reply = await send(lossy.call, requestId);
      const told = toldBy(reply, success);
      const label = `${name}${keyed ? " with key" : ""}: ${reply.status} ${told}`;
      answers[label] = (answers[label] ?? 0) + 1;
      await line.settled();
      const [changes, audits] = await Promise.all([made(), rows()]);
      const truths: Record<Told, readonly number[]> = {
        done: [1],
        "not done": [0],
        unknown: [0, 1],
        refused: [],
      };
      if (changes !== audits || !truths[told].includes(changes)) {
        wrong.push(`${label}, but changes ${changes}, audit rows ${audits}: ${reply.text}`);
      }
      if (!keyed || told === "done") return;
      // What the key is for: asking again, on a good line, is safe and gives the answer.
      const again = await send(call, `${requestId}-again`);
      if (again.status !== success || (await made()) !== 1) {
        wrong.push(`${label}, then again: ${again.status}, changes ${await made()}`);
      }
    }

    let operations = 0;
    const lanes = times(LANES, openLane);
    await Promise.all(
      lanes.map(async (lane) => {
        while (lane.line.batches() < FAULTS / LANES) {
          operations += 1;
          await attempt(lane.random.pick(Object.keys(make)), lane);
        }
      }),
    );
    const fired = sumOf(lanes.map(({ line }) => line.fired));
    const texts = sumOf(lanes.map(({ line }) => line.texts));
    const batches = lanes.reduce((sum, { line }) => sum + line.batches(), 0);
    showFigures(
      task,
      `${operations} operations, ${batches} batches cut off`,
      ...[fired, texts, answers].flatMap((table) =>
        Object.entries(table)
          .sort()
          .map(([what, times]) => `  ${times} ${what}`),
      ),
    );
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(Math.min(...Object.values(fired))).toBeGreaterThan(0);
    for (const told of ["done", "not done", "unknown"]) {
      expect(Object.keys(answers).join()).toContain(told);
    }
  }, 600_000);
});
