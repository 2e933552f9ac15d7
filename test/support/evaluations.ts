/** A tenant whose rules are held against samples by nobody but the test. */
import { expect } from "vitest";
import type { Bindings } from "../../src/env.ts";
import { takeSamples } from "../../src/features/rules/index.ts";
import { evaluateSamples } from "../../src/features/signals/evaluate.service.ts";
import type { TenantCtx } from "../../src/platform/context.ts";
import { commit } from "../../src/platform/tenancy/index.ts";
import { newTenant, type Reply, type TestTenant } from "./client.ts";
import { tenantCtx } from "./ctx.ts";
import { keptQueues, type Sent } from "./kept-queues.ts";
import { databaseOfTenant, type OtherWorker, openWorker } from "./worker.ts";

export interface Measured {
  readonly metric: string;
  readonly value: number;
  /** In ms since the epoch. */
  readonly at: number;
}

/** A signal as it stands in the database, with what became of it. */
export interface StoredSignal {
  readonly id: string;
  readonly dedupe_key: string;
  readonly rule_id: string;
  readonly status: string;
  readonly severity: string;
  readonly occurrences: number;
  readonly metric_value: number;
  readonly last_seen_at: number;
  readonly resolved_by: string | null;
  readonly risk_score: number;
  readonly changes: readonly string[];
}

export interface RuleHouse {
  readonly tenant: TestTenant;
  /** The Worker with the kept queues. */
  readonly worker: OtherWorker;
  readonly database: D1Database;
  /** A job's context; with other bindings, if they are given. */
  ctx(changes?: Partial<Bindings>): Promise<TenantCtx>;
  /** Has the admin ask. */
  ask(method: string, path: string, body?: unknown): Promise<Reply>;
  /** @returns the rule's id */
  addRule(input?: Record<string, unknown>): Promise<string>;
  /** Takes samples in, in one commit. */
  take(samples: readonly Measured[]): Promise<void>;
  evaluate(changes?: Partial<Bindings>): Promise<void>;
  /** The signals, the one that was opened first first. */
  signals(): Promise<StoredSignal[]>;
  /** How many samples wait. */
  waiting(): Promise<number>;
  /** What the queues were sent since the last call. */
  sent(): Sent[];
  breakQueues(text: string | null): void;
}

export async function ruleHouse(): Promise<RuleHouse> {
  const tenant = await newTenant();
  const queues = keptQueues();
  const worker = openWorker(queues.bindings);
  const database = await databaseOfTenant(tenant.slug);
  const house: RuleHouse = {
    tenant,
    worker,
    database,
    ctx: (changes = {}) => tenantCtx(tenant.slug, { ...worker.env, ...changes } as Bindings),
    ask: (method, path, body) =>
      worker.call(method, `${tenant.api}${path}`, { token: tenant.admin.token, body }),
    addRule: async (input = {}) => {
      const usual = { metric: "load", operator: ">", threshold: 10, severity: "high" };
      const reply = await house.ask("POST", "/signal-rules", { ...usual, ...input });
      expect(reply.status, reply.text).toBe(201);
      return reply.json.id;
    },
    take: async (samples) => {
      const taken = samples.map(({ at, ...sample }) => ({ ...sample, at: new Date(at) }));
      await commit(await house.ctx(), [takeSamples(taken)], [{ action: "test.measured" }]);
    },
    evaluate: async (changes) => evaluateSamples(await house.ctx(changes)),
    signals: async () => {
      const { results } = await database
        .prepare(
          `SELECT *, (SELECT json_group_array(change ORDER BY seq) FROM signal_changes
              WHERE signal_id = signals.id) AS changes,
            (SELECT min(seq) FROM signal_changes WHERE signal_id = signals.id) AS opened
          FROM signals ORDER BY opened`,
        )
        .all<StoredSignal & { changes: string }>();
      return results.map((row) => ({ ...row, changes: JSON.parse(row.changes) }));
    },
    waiting: async () =>
      (await database.prepare("SELECT count(*) AS n FROM metric_samples").first<number>("n")) ?? -1,
    sent: queues.take,
    breakQueues: queues.breakWith,
  };
  return house;
}

/** Samples of one metric, a second after each other. */
export function eachSecond(values: readonly number[], from: number, metric = "load"): Measured[] {
  return values.map((value, nth) => ({ metric, value, at: from + nth * 1_000 }));
}
