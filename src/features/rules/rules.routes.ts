import type { z } from "@hono/zod-openapi";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import type { RuleRow } from "./rules.repository.ts";
import {
  NewSignalRule,
  SignalRule,
  SignalRuleChanges,
  SignalRulePage,
  SignalRuleQuery,
} from "./rules.schemas.ts";
import * as rules from "./rules.service.ts";

const TAG = "Signal rules";

/** What becomes of a signal whose rule watches its metric no more. */
const LEFT_OPEN =
  "Another active rule of that metric and severity counts its breaches there, and resolves it at the " +
  "first value that is no breach of its own. Where there is none, the signal stays open until somebody " +
  "resolves it.";

export const rulesRouter = createRouter();

mount(
  rulesRouter,
  endpoint({
    method: "get",
    path: "/signal-rules",
    operationId: "listSignalRules",
    summary: "List rules",
    tag: TAG,
    doors: "tenant",
    access: "signal_rules:read",
    query: SignalRuleQuery,
    response: { status: 200, description: "Rules, oldest first.", schema: SignalRulePage },
  }),
  {
    handle: (ctx, { query }) => rules.list(ctx, query),
    present: (page) => ({
      body: { data: page.items.map(presentRule), next_cursor: page.nextCursor },
    }),
  },
);

mount(
  rulesRouter,
  endpoint({
    method: "post",
    path: "/signal-rules",
    operationId: "createSignalRule",
    summary: "Have a metric watched",
    description:
      "Values come with events, as the numbers at the top level of their metadata, and with signals " +
      "that are posted with a metric. A rule is held against them in the order in which they arrive; " +
      "one that was measured before the newest is too late and left out, and one from the future " +
      "counts as measured on arrival. A breach begins with the first value over (or under) the " +
      "threshold and ends with the first that is not. Once it has lasted for the duration, every " +
      "further value sees to it that a signal of the metric and the severity is open: one that " +
      "somebody resolves while the breach lasts is followed by another. Rules of the same metric and " +
      "severity share one signal. The end of the breach resolves it, by the rule that opened it; where " +
      "that rule is switched off, removed or watches another metric, by any of those that share it.",
    tag: TAG,
    doors: "tenant",
    access: "signal_rules:write",
    body: NewSignalRule,
    response: {
      status: 201,
      description: "The rule.",
      schema: SignalRule,
      headers: ["ETag", "Location"],
    },
  }),
  {
    handle: (ctx, { body }) => rules.create(ctx, body),
    present: (rule) => ({
      body: presentRule(rule),
      version: rule.version,
      location: `/signal-rules/${rule.id}`,
    }),
  },
);

mount(
  rulesRouter,
  endpoint({
    method: "get",
    path: "/signal-rules/{id}",
    operationId: "getSignalRule",
    summary: "One rule",
    tag: TAG,
    doors: "tenant",
    access: "signal_rules:read",
    params: idParams("rule"),
    response: { status: 200, description: "The rule.", schema: SignalRule, headers: ["ETag"] },
  }),
  {
    handle: (ctx, { params }) => rules.get(ctx, params.id),
    present: (rule) => ({ body: presentRule(rule), version: rule.version }),
  },
);

mount(
  rulesRouter,
  endpoint({
    method: "put",
    path: "/signal-rules/{id}",
    operationId: "updateSignalRule",
    summary: "Change a rule, or switch it on or off",
    description:
      "Another metric, operator, threshold or duration makes the rule begin anew, as if it had seen no " +
      "value yet, and so does switching it on. Switching it off, or giving it another metric, leaves a " +
      `signal that it has opened as it is. ${LEFT_OPEN}`,
    tag: TAG,
    doors: "tenant",
    access: "signal_rules:write",
    params: idParams("rule"),
    body: SignalRuleChanges,
    response: {
      status: 200,
      description: "The rule as changed.",
      schema: SignalRule,
      headers: ["ETag"],
    },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, body, ifMatch }) => rules.update(ctx, params.id, body, ifMatch),
    present: (rule) => ({ body: presentRule(rule), version: rule.version }),
  },
);

mount(
  rulesRouter,
  endpoint({
    method: "delete",
    path: "/signal-rules/{id}",
    operationId: "deleteSignalRule",
    summary: "Remove a rule",
    description: `A signal that it has opened stays as it is. ${LEFT_OPEN}`,
    tag: TAG,
    doors: "tenant",
    access: "signal_rules:write",
    params: idParams("rule"),
    response: { status: 204, description: "The rule is gone." },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, ifMatch }) => rules.remove(ctx, params.id, ifMatch),
    present: () => ({}),
  },
);

function presentRule(row: RuleRow): z.input<typeof SignalRule> {
  return {
    id: row.id,
    metric: row.metric,
    operator: row.operator,
    threshold: row.threshold,
    duration_seconds: row.durationSeconds,
    severity: row.severity,
    active: row.active,
    breached_since: row.breachedSince?.toISOString() ?? null,
    last_sample_at: row.lastSampleAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
