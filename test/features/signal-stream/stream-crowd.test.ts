/** Many who watch while much goes wrong: each sees everything once and in order. */
import { beforeAll, expect, it, vi } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  type TestTenant,
} from "../../support/client.ts";
import { evict } from "../../support/evict.ts";
import { showFigures } from "../../support/figures.ts";
import { type Random, seededRandom } from "../../support/random.ts";
import {
  losingBells,
  openSignal,
  ringAlarm,
  streamOf,
  type Watcher,
  watch,
} from "../../support/stream.ts";
import { DEEP, databaseOfTenant, type OtherWorker } from "../../support/worker.ts";

const USERS = 20;
const STREAMS_EACH = 10;
const WRITERS = 8;
const WRITES_EACH = DEEP ? 100 : 12;

let tenant: TestTenant;
let users: Caller[];
beforeAll(async () => {
  tenant = await newTenant("crowd");
  users = [];
  for (let nth = 0; nth < USERS; nth++) users.push(await addUser(tenant, "readonly"));
});

/** One who watches, through one socket after the other. */
interface Fan {
  readonly user: Caller;
  /** Ids that came, in the order of their coming. */
  readonly seen: string[];
  readonly start: string;
  now: Watcher;
}

async function newFan(user: Caller): Promise<Fan> {
  const now = await watch(tenant, user);
  return { user, seen: [], start: now.last(), now };
}

/** Takes down what came, and comes again after the last id. */
async function reconnect(fan: Fan): Promise<void> {
  fan.now.socket.close(1000);
  const ids = fan.now.items().map(({ id }) => id);
  const after = ids.at(-1) ?? fan.seen.at(-1) ?? fan.start;
  fan.seen.push(...ids);
  // What came on the closed line after that was never seen.
  fan.now = await watch(tenant, fan.user, { after });
}
const seenBy = (fan: Fan) => [...fan.seen, ...fan.now.items().map(({ id }) => id)];

/** Opens signals; sometimes it resolves one. @param pause what else happens between two of them */
async function write(random: Random, worker: OtherWorker, pause: () => Promise<void>) {
  for (let nth = 0; nth < WRITES_EACH; nth++) {
    const id = await openSignal(tenant, worker);
    await pause();
    if (!random.chance(0.3)) continue;
    const url = `${tenant.api}/signals/${id}/resolve`;
    const reply = await worker.call("POST", url, { token: tenant.admin.token });
    expect(reply.status, reply.text).toBe(200);
  }
}

it("200 streams show every change once and in order, past evictions, lost bells and breaks", async ({
  task,
}) => {
  const random = seededRandom("stream crowd");
  const neighbour = await newTenant("neighbour");
  const stranger = await watch(neighbour);
  const fans = (
    await Promise.all(
      users.map(async (user) => {
        const own: Fan[] = [];
        for (let nth = 0; nth < STREAMS_EACH; nth++) own.push(await newFan(user));
        return own;
      }),
    )
  ).flat();
  const figures = { lost: 0, evictions: 0, breaks: 0, alarms: 0 };
  const worker = losingBells(() => {
    const isLost = random.chance(0.4);
    if (isLost) figures.lost += 1;
    return isLost;
  });
  const trouble = (own: readonly Fan[], luck: Random) => async () => {
    if (luck.chance(0.2)) {
      await evict(streamOf(tenant));
      figures.evictions += 1;
    }
    if (luck.chance(0.5)) {
      await reconnect(luck.pick(own));
      figures.breaks += 1;
    }
    if (luck.chance(0.1)) {
      await ringAlarm(tenant);
      figures.alarms += 1;
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, nth) => {
    const luck = random.fork(nth);
    const own = fans.filter((_fan, at) => at % WRITERS === nth);
    return write(luck, worker, trouble(own, luck));
  });
  await Promise.all(writers);
  await evict(streamOf(tenant));
  await ringAlarm(tenant);
  const foreign = await openSignal(neighbour);

  const database = await databaseOfTenant(tenant.slug);
  const { results } = await database
    .prepare("SELECT seq FROM signal_changes ORDER BY seq")
    .all<{ seq: number }>();
  const all = results.map(({ seq }) => String(seq));
  await vi.waitFor(
    () => {
      const behind = fans.filter((fan) => seenBy(fan).at(-1) !== all.at(-1));
      expect(behind.length).toBe(0);
    },
    { timeout: 30_000, interval: 50 },
  );
  for (const fan of fans) expect(seenBy(fan)).toEqual(all);
  expect(fans.map(({ now }) => now.closed()).filter(Boolean)).toEqual([]);
  // The first that the neighbour is shown is its own: of all before there was nothing on the line.
  await stranger.until(1);
  expect(stranger.items().map(({ type, data }) => [type, data.id])).toEqual([
    ["signal.opened", foreign],
  ]);

  const operator = await newOperator();
  const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}/suspend`;
  await call("POST", url, { token: operator.token });
  for (const { now } of fans) expect((await now.untilClosed()).code).toBe(4403);
  expect(stranger.closed()).toBeNull();
  showFigures(
    task,
    `  ${fans.length} streams, ${all.length} changes each once and in order; bells lost: ` +
      `${figures.lost}, evictions: ${figures.evictions}, breaks: ${figures.breaks}, ` +
      `alarms: ${figures.alarms}; all closed by suspension, the neighbour's stream saw its own alone and stays`,
  );
});
