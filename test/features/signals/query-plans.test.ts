/** By which index the queries go at a tenant with many signals: none reads the table through. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import {
  type Becoming,
  type FoundSignal,
  raise,
  readRisk,
  recover,
} from "../../../src/features/signals/index.ts";
import type { TenantCtx } from "../../../src/platform/context.ts";
import { commit } from "../../../src/platform/tenancy/index.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { expectPlans, watchPlans } from "../../support/plans.ts";
import { mostArguments } from "../../support/sql-limits.ts";
import { openWorker } from "../../support/worker.ts";

const ABOUT = /\b(signals|signal_changes)\b/;
const LARGE = /^SCAN (signals|signal_changes)\b/;
const NOBODY = "user_01jdn2z7q5e8t9v0w1x2y3z4a5";
/** What D1 lets a function of SQL have; the runtime of the tests lets it have more. */
const D1_ARGUMENTS = 32;

describe("by an index go", () => {
  const { bindings, plansOf } = watchPlans();
  let tenant: TestTenant;
  let env: Bindings;
  let signal: string;
  beforeAll(async () => {
    tenant = await newTenant();
    env = { ...openWorker({}).env, ...bindings } as Bindings;
    signal = await newSignal();
    // Of nothing there are pages to go on with but of what is there twice.
    await newSignal();
  });

  const ask = async (method: string, path: string, body?: unknown) => {
    const { token } = tenant.admin;
    const url = `${tenant.api}/signals${path}`;
    const reply = await openWorker(env).call(method, url, { token, body });
    expect(reply.status, reply.text).toBeLessThan(300);
    return reply.json;
  };
  const newSignal = async (): Promise<string> =>
    (await ask("POST", "", { severity: "critical", title: "x" })).id;
  const inside = async (parts: (ctx: TenantCtx) => Promise<Becoming> | Becoming) => {
    const ctx = await tenantCtx(tenant.slug, env);
    const { steps, audit, ring } = await parts(ctx);
    await commit(ctx, steps, audit);
    await ring(ctx);
  };
  const raising = (signal: Partial<FoundSignal>) => () =>
    inside(async (ctx) => {
      const now = new Date();
      const whole = {
        source: "infra",
        kind: "k",
        severity: "critical",
        title: "x",
        occurredAt: now,
        ...signal,
      } as const;
      return raise(whole, await readRisk(ctx.db, ["k", "l"], now), now);
    });
  const list = (query: string) => async () => {
    await ask("GET", query);
    const { next_cursor } = await ask("GET", `${query}${query === "" ? "?" : "&"}limit=1`);
    if (next_cursor !== null) {
      await ask("GET", `${query}${query === "" ? "?" : "&"}limit=1&cursor=${next_cursor}`);
    }
  };
  const acted = (what: string, body?: unknown) => async () => {
    await ask("POST", `/${await newSignal()}/${what}`, body);
  };
  const assigned = (ordering: string) => async () => {
    const user_id = tenant.admin.id;
    for (let nth = 0; nth < 2; nth++) {
      await ask("POST", `/${await newSignal()}/assign`, { user_id });
    }
    await list(`?assignee_id=${user_id}&ordering=${ordering}`)();
  };
  /** A list that goes by nothing else than its order reads it as far as its page. */
  const WHOLE = /^SCAN signals USING INDEX (sqlite_autoindex_signals_1|signals_risk)$/;

  it.each<[string, () => Promise<unknown>, ...string[]]>([
    ["all signals", list(""), "sqlite_autoindex_signals_1", "(id<?)"],
    ["all, the first first", list("?ordering=opened_at"), "(id>?)"],
    [
      "all by risk",
      list("?ordering=-risk_score"),
      "signals_risk",
      "signals_risk ((risk_score,id)<(",
    ],
    ["the least urgent", list("?ordering=risk_score"), "signals_risk ((risk_score,id)>("],
    ["open ones", list("?status=open"), "signals_status (status=?", "(status=? AND id<?)"],
    ["of a severity", list("?severity=critical"), "signals_severity (severity=? AND id<?)"],
    ["of a source", list("?source=manual"), "signals_source (source=? AND id<?)"],
    ["open ones of a severity", list("?severity=low&status=open"), "signals_status (status=?"],
    ["resolved ones of a severity", list("?severity=low&status=resolved"), "signals_severity ("],
    ["resolved ones", list("?status=resolved"), "signals_status (status=?"],
    [
      "open ones by risk",
      list("?status=open&ordering=-risk_score"),
      "signals_status_risk (status=?",
      "signals_status_risk (status=? AND (risk_score,id)<(",
    ],
    [
      "of a severity by risk",
      list("?severity=critical&ordering=-risk_score"),
      "signals_severity_risk (severity=? AND (risk_score,id)<(",
    ],
    [
      "of a source by risk",
      list("?source=manual&ordering=risk_score"),
      "signals_source_risk (source=? AND (risk_score,id)>(",
    ],
    [
      "of an assignee",
      list(`?assignee_id=${NOBODY}&status=open`),
      "signals_assignee (assignee_id=?)",
    ],
    [
      "of an assignee, the first first",
      assigned("opened_at"),
      "signals_assignee (assignee_id=?)",
      "signals_assignee (assignee_id=? AND id>?)",
    ],
    [
      "of an assignee by risk",
      assigned("-risk_score"),
      "signals_assignee_risk (assignee_id=?)",
      "signals_assignee_risk (assignee_id=? AND (risk_score,id)<(",
    ],
    ["one", () => ask("GET", `/${signal}`), "(id=?)"],
    [
      "a report",
      () => ask("POST", "", { downtime_minutes: 9 }),
      "signals_kind (kind=? AND opened_at>?)",
    ],
    [
      "a report of what is over",
      async () => {
        for (let nth = 0; nth < 2; nth++) await ask("POST", "", { downtime_minutes: 0 });
      },
      "signals_kind (kind=?)",
      "signals_dedupe (dedupe_key=?)",
    ],
    [
      "a reading",
      async () => {
        for (let nth = 0; nth < 2; nth++) await ask("POST", "", { metric: "m", metric_value: nth });
      },
      "signals_kind (kind=? AND opened_at>?)",
      "signals_dedupe (dedupe_key=?)",
    ],
    ["raising one", raising({ dedupeKey: "k" }), "signals_dedupe (dedupe_key=?)"],
    ["counting one", raising({ dedupeKey: "k" }), "signals_dedupe (dedupe_key=?)"],
    ["a recovery", () => inside(() => recover("k", new Date())), "signals_dedupe ("],
    ["acknowledging one", acted("acknowledge"), "(id=?)"],
    ["assigning one", acted("assign", { user_id: null }), "(id=?)"],
    ["resolving one", acted("resolve"), "(id=?)"],
  ])("%s", async (name, run, ...indexes) => {
    const plans = await plansOf(run, ABOUT);
    const whole = name.startsWith("all") || name === "the least urgent";
    expectPlans(plans, { indexes, large: LARGE, fine: (line) => whole && WHOLE.test(line) });
    for (const { sql } of plans) {
      expect(mostArguments(sql), sql).toBeLessThanOrEqual(D1_ARGUMENTS);
    }
  });
});
