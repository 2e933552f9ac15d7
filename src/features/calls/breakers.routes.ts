import type { z } from "@hono/zod-openapi";
import type { BreakerMode } from "../../platform/breaker/index.ts";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { slugParams } from "../services/index.ts";
import { type BreakerReport, getBreaker, setBreaker } from "./breakers.service.ts";
import { Breaker } from "./calls.schemas.ts";

const TAG = "Services";
const PATH = "/services/{slug}/breaker";

export const breakersRouter = createRouter();

mount(
  breakersRouter,
  endpoint({
    method: "get",
    path: PATH,
    operationId: "getBreaker",
    summary: "How a service's circuit breaker stands",
    tag: TAG,
    doors: "tenant",
    access: "services:read",
    params: slugParams,
    response: { status: 200, description: "The breaker.", schema: Breaker },
    problems: ["service-not-callable", "not-ready"],
  }),
  {
    handle: (ctx, { params }) => getBreaker(ctx, params.slug),
    present: (report) => ({ body: presentBreaker(report) }),
  },
);

/** What is ordered by hand, by the last part of the path. */
const ORDERS = [
  {
    verb: "open",
    mode: "forced_open",
    operationId: "openBreaker",
    summary: "Hold a circuit breaker open",
    description: "No call goes through until it is reset.",
  },
  {
    verb: "close",
    mode: "disabled",
    operationId: "closeBreaker",
    summary: "Hold a circuit breaker closed",
    description: "Every call goes through, whatever becomes of it, until it is reset.",
  },
  {
    verb: "reset",
    mode: "automatic",
    operationId: "resetBreaker",
    summary: "Leave a circuit breaker to itself",
    description: "It begins closed, with an empty window.",
  },
] as const satisfies readonly { readonly mode: BreakerMode; readonly [name: string]: string }[];

for (const { verb, mode, description, ...names } of ORDERS) {
  mount(
    breakersRouter,
    endpoint({
      method: "post",
      path: `${PATH}/${verb}`,
      ...names,
      description: `${description} An order counts everywhere within 5 seconds.`,
      tag: TAG,
      doors: "tenant",
      access: "breakers:write",
      adds: "nothing",
      params: slugParams,
      response: {
        status: 200,
        description: "The breaker as the order makes it.",
        schema: Breaker,
      },
      problems: ["service-not-callable", "conflict"],
    }),
    {
      handle: (ctx, { params }) => setBreaker(ctx, params.slug, mode),
      present: (report) => ({ body: presentBreaker(report) }),
    },
  );
}

function presentBreaker({ view, mode, options }: BreakerReport): z.input<typeof Breaker> {
  const { retry_in_ms } = view;
  return {
    state: view.state,
    mode,
    since: view.since,
    retry_after: retry_in_ms === null ? null : Math.ceil(retry_in_ms / 1_000),
    failure_rate: view.failure_rate,
    slow_call_rate: view.slow_call_rate,
    calls: view.calls,
    failed_calls: view.failed_calls,
    slow_calls: view.slow_calls,
    half_open_permits_in_use: view.half_open_permits_in_use,
    openings: view.openings,
    options,
  };
}
