/** Durable Objects that hang, as use cases meet them. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createObjects } from "../../src/platform/objects.ts";
import { createMeter } from "../../src/platform/observe/meter.ts";
import { bindings } from "../support/worker.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An isolate's requests, each with a meter and objects of its own; what is asked hangs. */
function hanging() {
  const asked: string[] = [];
  const name = `tenant:${crypto.randomUUID()}`;
  const ask = (kind: "RATE_LIMITER" | "CIRCUIT_BREAKER", whom = name) => {
    const getByName = (object: string) => {
      asked.push(object);
      return {};
    };
    const env = { ...bindings, [kind]: { getByName } } as unknown as typeof bindings;
    const started = Date.now();
    return createObjects(env, createMeter())
      .ask(kind, whom, () => new Promise<never>(() => {}))
      .catch((error: Error) => ({ message: error.message, waitedMs: Date.now() - started }));
  };
  return { name, asked, ask };
}

it.each(["RATE_LIMITER", "CIRCUIT_BREAKER"] as const)(
  "of many who ask a %s that hangs few wait, and all others hear so at once",
  async (kind) => {
    const { ask, asked, name } = hanging();
    const first = ask(kind);
    await vi.advanceTimersByTimeAsync(600);
    const crowd = Array.from({ length: 100 }, () => ask(kind));
    await vi.advanceTimersByTimeAsync(10_000);
    const waits = (await Promise.all([first, ...crowd])).map(({ waitedMs }) => waitedMs);
    expect(waits).toEqual([2_000, 2_000, ...Array(99).fill(0)]);
    expect(asked).toEqual([name, name]);
  },
);

it("another object, and one of another kind, is asked all the same", async () => {
  const { ask, asked, name } = hanging();
  const first = ask("RATE_LIMITER");
  await vi.advanceTimersByTimeAsync(2_000);
  expect((await first).message).toContain("within 2000 ms");
  expect((await ask("RATE_LIMITER")).message).toContain("has not answered lately");
  const others = [ask("RATE_LIMITER", `${name}-b`), ask("CIRCUIT_BREAKER")];
  await vi.advanceTimersByTimeAsync(2_000);
  await Promise.all(others);
  expect(asked).toEqual([name, `${name}-b`, name]);
});

it("a counter that hangs is waited for a quarter of a second", async () => {
  const limit = () => new Promise<never>(() => {});
  const env = { ...bindings, ADDRESS_GUARD: { limit } } as unknown as typeof bindings;
  const late = createObjects(env, createMeter())
    .lets("192.0.2.1")
    .catch(({ message }: Error) => message);
  await vi.advanceTimersByTimeAsync(250);
  expect(await late).toContain("within 250 ms");
});

it("objects are those of the cell's region where there are regions", async () => {
  const settings = {
    ENVIRONMENT: "production",
    BASE_URL: "https://rowhouse.test",
    TENANT_SCHEMA: undefined,
  };
  const strict = { PASSWORD_SCRYPT_LN: "14", ANONYMOUS_PER_MINUTE: "120", LOG_LEVEL: "info" };
  const asked: string[] = [];
  const among = (where: string) => ({
    jurisdiction: (region: string) => among(region),
    getByName: (name: string) => asked.push(`${where}:${name}`),
  });
  const askIn = (changes: object) => {
    const env = { ...bindings, ...settings, ...strict, RATE_LIMITER: among("all"), ...changes };
    const objects = createObjects(env as unknown as typeof bindings, createMeter());
    return objects.ask("RATE_LIMITER", "a-name", async () => null);
  };
  await askIn({ REGION: "eu" });
  await askIn({});
  await askIn({ ...settings, REGION: "us", ENVIRONMENT: "development" });
  expect(asked).toEqual(["eu:a-name", "all:a-name", "all:a-name"]);
  // Why the local runtime is not asked for any.
  expect(() => bindings.RATE_LIMITER.jurisdiction("eu")).toThrow(/not implemented/);
});
