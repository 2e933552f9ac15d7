import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { slugParams } from "../services/index.ts";
import { ServiceCall, ServiceReply } from "./calls.schemas.ts";
import { requestService } from "./calls.service.ts";

export const callsRouter = createRouter();

mount(
  callsRouter,
  endpoint({
    method: "post",
    path: "/services/{slug}/requests",
    operationId: "callService",
    summary: "Call a service's API",
    description:
      "Sends a request to the service with its credential, within its time-out and rate, past its " +
      "circuit breaker. Any status of the service is an answer. What may be asked twice is tried " +
      "again: GET, HEAD, PUT, DELETE, and what has an `Idempotency-Key` where the service's " +
      "`idempotency_header` says how it tells repeats; it is given a value of ours there, another " +
      "for each caller. An answer of 408, 429, 502, 503 or 504 is not kept for the key.",
    tag: "Services",
    doors: "tenant",
    access: "services:call",
    adds: "nothing",
    params: slugParams,
    body: ServiceCall,
    response: { status: 200, description: "What the service said.", schema: ServiceReply },
    problems: [
      "service-not-callable",
      "quota-exceeded",
      "downstream-unreachable",
      "downstream-answer",
      "circuit-open",
      "downstream-timeout",
    ],
  }),
  {
    handle: (ctx, { params, body }) => requestService(ctx, params.slug, body),
    present: ({ status, headers, body, encoding, cached, attempts, durationMs }) => ({
      body: {
        status,
        headers: Object.fromEntries(headers),
        body,
        body_encoding: encoding,
        cached,
        attempts,
        duration_ms: Math.round(durationMs),
      },
    }),
  },
);
