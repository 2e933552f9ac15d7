/** The consumers of `wrangler.toml`: every queue has one, and says what it may do. */
import { describe, expect, it } from "vitest";
import { readConfig } from "../../scripts/lib/render-config.ts";
import { CONSUMERS } from "../support/held-queues.ts";

const { producers, consumers } = readConfig().queues as Record<
  "producers" | "consumers",
  Record<string, unknown>[]
>;
const DEAD = "rowhouse-dead-letters";

describe("the queues of wrangler.toml", () => {
  it("have a binding and a consumer each", () => {
    const names = Object.keys(CONSUMERS).map((name) => `rowhouse-${name}`);
    expect(producers.map(({ queue }) => queue)).toEqual(names);
    expect(consumers.map(({ queue }) => queue)).toEqual(names);
    expect(producers.map(({ binding }) => binding)).toEqual([
      "DOORBELLS",
      "DELIVERIES",
      "DEAD_LETTERS",
    ]);
  });

  it.each(Object.entries(CONSUMERS))(
    "give %s a consumer as the tests' own, with a grave for what it cannot serve",
    (name, { batchSize, maxRetries, concurrency }) => {
      const isDead = `rowhouse-${name}` === DEAD;
      expect(consumers.find(({ queue }) => queue === `rowhouse-${name}`)).toEqual({
        queue: `rowhouse-${name}`,
        max_batch_size: batchSize,
        max_batch_timeout: isDead ? 1 : 0,
        max_retries: maxRetries,
        max_concurrency: concurrency,
        ...(isDead ? {} : { dead_letter_queue: DEAD }),
      });
    },
  );
});
