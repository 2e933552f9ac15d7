import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { acknowledge, assign, resolve } from "./handle.service.ts";
import { NewSignal } from "./new-signal.schemas.ts";
import { presentSignal } from "./signals.present.ts";
import type { SignalRow } from "./signals.repository.ts";
import { Assignment, Resolution, Signal, SignalPage, SignalQuery } from "./signals.schemas.ts";
import * as signals from "./signals.service.ts";

const TAG = "Signals";
const params = idParams("signal");
const shown = (row: SignalRow) => ({ body: presentSignal(row), version: row.version });

export const signalsRouter = createRouter();

mount(
  signalsRouter,
  endpoint({
    method: "get",
    path: "/signals",
    operationId: "listSignals",
    summary: "List signals",
    tag: TAG,
    doors: "tenant",
    access: "signals:read",
    query: SignalQuery,
    response: { status: 200, description: "Signals, in the order asked for.", schema: SignalPage },
  }),
  {
    handle: (ctx, { query }) => signals.list(ctx, query),
    present: (page) => ({
      body: { data: page.items.map(presentSignal), next_cursor: page.nextCursor },
    }),
  },
);

mount(
  signalsRouter,
  endpoint({
    method: "post",
    path: "/signals",
    operationId: "createSignal",
    summary: "Report what was measured or seen",
    description:
      "An SLA report is held against what the company promises: downtime over it is `critical`, " +
      "else response time `high`, else error rate `medium`; each such breach is a signal of its own. " +
      "A report within it is `low`, and counted at the one that is open already, unless either has " +
      "downtime: then that one is resolved, and this opened. Each value within its promise resolves " +
      "the breaches of that promise, as `recovery`: the 20 oldest a report. A reading " +
      "of a metric is held against the rules for it; as long as its own signal is not resolved, " +
      "further readings are counted there. Critical signals are sent to destinations, as " +
      "`signal.opened` and `signal.resolved`.",
    tag: TAG,
    doors: "tenant",
    access: "signals:write",
    body: NewSignal,
    response: {
      status: 201,
      description: "The signal.",
      also: {
        200: "The signal that was open already, of the metric or within the SLA, with this.",
      },
      schema: Signal,
      headers: ["ETag", "Location"],
    },
    problems: ["conflict"],
  }),
  {
    handle: (ctx, { body }) => signals.open(ctx, body),
    present: ({ row, isNew }) => ({
      ...shown(row),
      location: `/signals/${row.id}`,
      ...(isNew ? {} : { status: 200 }),
    }),
  },
);

mount(
  signalsRouter,
  endpoint({
    method: "get",
    path: "/signals/{id}",
    operationId: "getSignal",
    summary: "One signal",
    tag: TAG,
    doors: "tenant",
    access: "signals:read",
    params,
    response: { status: 200, description: "The signal.", schema: Signal, headers: ["ETag"] },
  }),
  {
    handle: (ctx, { params: { id } }) => signals.get(ctx, id),
    present: shown,
  },
);

mount(
  signalsRouter,
  endpoint({
    method: "post",
    path: "/signals/{id}/acknowledge",
    operationId: "acknowledgeSignal",
    summary: "Say that a signal is seen",
    description: "The first time counts; after that nothing changes.",
    tag: TAG,
    doors: "tenant",
    access: "signals:handle",
    adds: "nothing",
    params,
    response: { status: 200, description: "The signal.", schema: Signal, headers: ["ETag"] },
    problems: ["signal-state", "conflict"],
  }),
  {
    handle: (ctx, { params: { id } }) => acknowledge(ctx, id),
    present: shown,
  },
);

mount(
  signalsRouter,
  endpoint({
    method: "post",
    path: "/signals/{id}/assign",
    operationId: "assignSignal",
    summary: "Say who looks after a signal",
    tag: TAG,
    doors: "tenant",
    access: "signals:handle",
    adds: "nothing",
    params,
    body: Assignment,
    response: { status: 200, description: "The signal.", schema: Signal, headers: ["ETag"] },
    problems: ["signal-state", "conflict"],
  }),
  {
    handle: (ctx, { params: { id }, body }) => assign(ctx, id, body.user_id),
    present: shown,
  },
);

mount(
  signalsRouter,
  endpoint({
    method: "post",
    path: "/signals/{id}/resolve",
    operationId: "resolveSignal",
    summary: "Say that a signal is over",
    description: "The first time counts; after that nothing changes.",
    tag: TAG,
    doors: "tenant",
    access: "signals:handle",
    adds: "nothing",
    params,
    body: Resolution,
    response: { status: 200, description: "The signal.", schema: Signal, headers: ["ETag"] },
    problems: ["conflict"],
  }),
  {
    handle: (ctx, { params: { id }, body }) => resolve(ctx, id, body?.note),
    present: shown,
  },
);
