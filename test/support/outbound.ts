import { inject } from "vitest";
import { settingsOf } from "../../src/env.ts";
import { BREAKER_DEFAULTS, breakerView } from "../../src/platform/breaker/index.ts";
import { newId } from "../../src/platform/ids.ts";
import { createObjects } from "../../src/platform/objects.ts";
import { createLogger } from "../../src/platform/observe/logger.ts";
import { createMeter } from "../../src/platform/observe/meter.ts";
import {
  callOut,
  type Line,
  type OutboundAnswer,
  type OutboundRequest,
} from "../../src/platform/outbound/index.ts";
import { Failure } from "../../src/platform/problems.ts";
import type { Seen } from "./misbehaving-server.node.ts";
import { bindings } from "./worker.ts";

type CallerCtx = Parameters<typeof callOut>[0];
type Means = NonNullable<Parameters<typeof callOut>[3]>;

/** How a test calls: a line and a request that differ from the plain ones. */
export interface Call {
  readonly line?: Partial<Line>;
  readonly request?: Partial<Omit<OutboundRequest, "url">>;
  readonly means?: Means;
}

/** What came of a call, and what everybody else saw of it. */
export interface Outcome {
  readonly answer: OutboundAnswer | null;
  readonly failure: Failure | null;
  readonly text: string;
}

/** Whoever calls: some tenant, with the real objects behind it. */
export function caller(): CallerCtx {
  const id = newId("tenant");
  return {
    settings: settingsOf(bindings),
    realm: { id, slug: "caller", origin: "http://caller.rowhouse.test" },
    objects: createObjects(bindings, createMeter()),
    log: createLogger({ level: "info" }),
  };
}

/** A place at the misbehaving server that no other test asks. */
export interface Place {
  readonly line: Line;
  /** @param options of the behaviour, as a query */
  url(behaviour: string, options?: Readonly<Record<string, string>> | string, port?: number): URL;
  call(ctx: CallerCtx, url: URL, call?: Call): Promise<Outcome>;
  /** What the servers saw of it. */
  seen(): Promise<readonly Seen[]>;
  /** What the breaker has heard: calls and failures. */
  heard(ctx: CallerCtx): Promise<{ calls: number; failed: number; state: string }>;
}

/** By a line of its own, so that breaker and rate are its own too. */
export function newPlace(changes: Partial<Line> = {}): Place {
  const id = crypto.randomUUID();
  const { first } = inject("misbehaving");
  const line: Line = {
    key: `service:${id}`,
    timeoutMs: 10_000,
    retry: { maxAttempts: 3, baseMs: 100 },
    ratePerSecond: null,
    breaker: { ...BREAKER_DEFAULTS, minimum_calls: 100, sliding_window_size: 100 },
    order: { mode: "automatic", version: 1 },
    maxResponseBytes: 1_000_000,
    longAnswers: "refuse",
    followRedirects: true,
    ...changes,
  };
  return {
    line,
    url: (behaviour, options = {}, port = first) => {
      const query = new URLSearchParams(options);
      return new URL(`http://127.0.0.1:${port}/${behaviour}/${id}?${query}`);
    },
    call: async (ctx, url, { line: other, request, means } = {}) => {
      const asked: OutboundRequest = {
        method: "GET",
        url,
        headers: new Headers(),
        body: null,
        repeatable: false,
        cacheAs: null,
        ...request,
      };
      try {
        const answer = await callOut(ctx, { ...line, ...other }, asked, means);
        return { answer, failure: null, text: new TextDecoder().decode(answer.body) };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { answer: null, failure: error, text: "" };
      }
    },
    seen: async () => {
      const reply = await fetch(`http://127.0.0.1:${first}/seen/${id}`);
      return reply.json();
    },
    heard: async (ctx) => {
      const { key, breaker: options, order } = line;
      const view = await breakerView(ctx, { key, options, order });
      return { calls: view.calls, failed: view.failed_calls, state: view.state };
    },
  };
}

/** A clock that only pauses move, and what it was asked to wait. */
export function steppedMeans(random = 1) {
  let now = Date.UTC(2026, 0, 1);
  const pauses: number[] = [];
  const means: Means = {
    clock: () => now,
    pause: async (ms) => {
      pauses.push(ms);
      now += ms;
    },
    random: () => random,
  };
  return { means, pauses, now: () => now };
}
