import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { hashCount } from "../../../src/platform/crypto/password-hash.ts";
import {
  addUser,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import type { Around } from "../../support/d1.ts";
import { times } from "../../support/registration.ts";
import { databaseOfTenant, openWorker, wrapAll } from "../../support/worker.ts";

/** What a sign-in costs: all that a stranger could measure. */
interface Cost {
  readonly hashes: number;
  readonly trips: number;
  readonly statements: readonly string[];
}

const MINUTE = 60_000;

describe("a sign-in tells nobody whether an account exists", () => {
  let house: TestTenant;
  let operator: string;
  const seen: string[][] = [];
  const around: Around = (trip, run) => {
    seen.push([...trip.sql]);
    return run();
  };
  const watched = openWorker(wrapAll(() => around));

  beforeAll(async () => {
    house = await newTenant("quiet");
    operator = (await newOperator()).email;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  interface Door {
    readonly url: string;
    readonly body: object;
    readonly known: () => Promise<string>;
  }
  const doors: Record<string, () => Door> = {
    "a tenant's door": () => ({
      url: `${house.api}/auth/login`,
      body: {},
      known: async () => (await addUser(house, "user")).email,
    }),
    "the platform's door, for a tenant's users": () => ({
      url: `${PLATFORM_ORIGIN}/api/v1/auth/login`,
      body: { tenant_slug: house.slug },
      known: async () => (await addUser(house, "user")).email,
    }),
    "the platform's door, for operators": () => ({
      url: `${PLATFORM_ORIGIN}/api/v1/auth/login`,
      body: {},
      known: async () => operator,
    }),
  };

  let strangers = 0;
  const stranger = () => `nobody-${++strangers}@quiet.test`;

  /** One attempt, with its cost. Equal request ids leave nothing that may differ in the answer. */
  async function attempt(door: Door, email: string, ip = "203.0.113.7", more = {}) {
    // The way to the tenant is looked up once a minute, for whomever comes first.
    await watched.call("GET", `${house.origin}/health`);
    const [hashes, from] = [hashCount(), seen.length];
    const reply = await watched.call("POST", door.url, {
      ip,
      body: { ...door.body, email, password: `${PASSWORD}-wrong`, ...more },
      headers: { "x-request-id": "same-for-all" },
    });
    const statements = seen.slice(from);
    const cost: Cost = {
      hashes: hashCount() - hashes,
      trips: statements.length,
      statements: statements.flat(),
    };
    return { reply, cost };
  }
  const visible = ({ status, text, headers }: Reply) => ({
    status,
    text,
    // How many requests of this address came before is known to whoever sent them.
    headers: [...headers].filter(([name]) => name !== "date" && name !== "ratelimit"),
  });

  /** The same attempt for both; all that shows has to be equal. */
  async function compare(door: Door, known: string, unknown: string, ip?: string, more?: object) {
    const [one, other] = [
      await attempt(door, known, ip, more),
      await attempt(door, unknown, ip, more),
    ];
    expect(visible(other.reply)).toEqual(visible(one.reply));
    expect(other.cost).toEqual(one.cost);
    return one;
  }

  it.each(Object.keys(doors))("at %s: before, at and after the lock", async (name) => {
    const door = (doors[name] as () => Door)();
    const [known, unknown] = [await door.known(), stranger()];
    vi.useFakeTimers({ toFake: ["Date"] });
    // 1, 2, 4, 8 minutes, and then 15 at most.
    for (const minutes of [1, 2, 4, 8, 15, 15]) {
      for (const failure of times(5, (index) => index + 1)) {
        const { reply, cost } = await compare(door, known, unknown);
        expect([reply.status, problemOf(reply)], `failure ${failure}`).toEqual([
          401,
          "invalid-credentials",
        ]);
        expect(cost).toMatchObject({ hashes: 1, trips: 2 });
      }
      const locked = await compare(door, known, unknown);
      expect([locked.reply.status, problemOf(locked.reply)]).toEqual([429, "sign-in-locked"]);
      expect(locked.reply.headers.get("retry-after")).toBe(String(minutes * 60));
      expect(locked.cost).toMatchObject({ hashes: 0, trips: 2 });
      // The right password tells nothing either.
      const right = await compare(door, known, unknown, undefined, { password: PASSWORD });
      expect(visible(right.reply)).toEqual(visible(locked.reply));
      vi.setSystemTime(Date.now() + minutes * MINUTE - 1);
      expect((await compare(door, known, unknown)).reply.headers.get("retry-after")).toBe("1");
      vi.setSystemTime(Date.now() + 1);
    }
  });

  it("when many networks together lock an e-mail", async () => {
    const door = (doors["a tenant's door"] as () => Door)();
    const [known, unknown] = [await door.known(), stranger()];
    for (const network of times(4, (index) => index)) {
      for (const _ of times(5, () => null)) {
        await compare(door, known, unknown, `198.51.${network}.1`);
      }
    }
    const elsewhere = await compare(door, known, unknown, "192.0.2.1");
    expect(problemOf(elsewhere.reply)).toBe("sign-in-locked");
    // A device token that nobody was given helps with neither.
    const more = { device_token: `rwd_${"A".repeat(43)}`, password: PASSWORD };
    expect(problemOf((await compare(door, known, unknown, "192.0.2.1", more)).reply)).toBe(
      "sign-in-locked",
    );
  });

  it("when the account has no password", async () => {
    const door = (doors["a tenant's door"] as () => Door)();
    const known = await door.known();
    const database = await databaseOfTenant(house.slug);
    const none = "UPDATE users SET password_hash = 'none' WHERE email = ?";
    await database.prepare(none).bind(known).run();
    const { reply, cost } = await compare(door, known, stranger(), "192.0.2.78");
    expect(problemOf(reply)).toBe("invalid-credentials");
    expect(cost.hashes).toBe(1);
  });

  it("in odd forms of an e-mail and in passwords of any length", async () => {
    const door = (doors["a tenant's door"] as () => Door)();
    const known = await door.known();
    const forms = [
      {},
      { password: "x" },
      { password: "x".repeat(1_024) },
      { password: "é\u0301 \u0000 '; DROP TABLE users; --" },
    ];
    for (const more of forms) await compare(door, known, stranger(), undefined, more);
    const spelled = ` ${known.toUpperCase()} `;
    await compare(door, spelled, ` ${stranger().toUpperCase()} `, "192.0.2.77");
  });
});
