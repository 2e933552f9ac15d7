import type { z } from "@hono/zod-openapi";
import { routePath } from "hono/route";
import type { Ctx } from "../context.ts";
import { tellSweeper } from "../jobs/tell-sweeper.ts";
import { Failure } from "../problems.ts";
import { requireStorage } from "../quotas/storage.ts";
import { admit } from "./admit.ts";
import { readBytes, readJson } from "./body.ts";
import type { AppContext } from "./context.ts";
import {
  type Access,
  addsData,
  type CtxOf,
  type Doors,
  type Endpoint,
  type Handling,
  type Input,
  type RawBody,
} from "./endpoint.ts";
import { parseIfMatch } from "./etag.ts";
import { claimOf, keepsAnswers, orStoredAnswer } from "./idempotency.ts";
import { type Rendered, renderAnswer, toResponse } from "./render.ts";
import { onlyValues, validate } from "./validation.ts";

/**
 * What every request to an endpoint goes through, in this order: door, caller, limits, permission,
 * input, idempotency, storage, use case, answer. A new endpoint gets all of it without asking.
 */
export async function runEndpoint<
  D extends Doors,
  A extends Access,
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  Out extends z.ZodType,
  Result,
>(
  c: AppContext,
  endpoint: Endpoint<D, A, Params, Query, Body, Out>,
  { handle, present }: Handling<D, A, Params, Query, Body, Out, Result>,
): Promise<Response> {
  c.set("route", patternOf(c));
  const ctx = await admit(c, endpoint);
  const input = await readInput(c, endpoint);
  const render = (result: Result) =>
    renderAnswer(c, endpoint, present(result, promised<D, A>(ctx)));
  const run = (own: Ctx) =>
    orTellSweeper(ctx, async () => {
      if (addsData(endpoint)) await requireStorage(ctx);
      return handle(promised<D, A>(own), input);
    });
  if (!keepsAnswers(endpoint)) return toResponse(c, ctx, await render(await run(ctx)));
  // Made by the commit, before it changes anything: what it was given is what is answered. One that
  // fails takes its answer back, since the use case may go on to another end.
  let made: Rendered | undefined;
  const prepare = async (result: unknown) => {
    const before = made;
    made = await render(result as Result);
    return () => {
      made = before;
    };
  };
  const claim = await claimOf(c, ctx, input, async (result) => made ?? render(result as Result));
  const rendered = await orStoredAnswer(ctx, claim, async () => {
    const carrying: Ctx = { ...ctx, prepare, ...(claim ? { idempotency: claim } : {}) };
    const result = await run(carrying);
    return { rendered: made ?? (await render(result)), committed: made !== undefined };
  });
  return toResponse(c, ctx, rendered);
}

/**
 * Where nobody knows whether a commit was made, it may have left work at the tenant that nobody was
 * told of, and a client that repeats its key is only given the stored answer.
 */
async function orTellSweeper<T>(ctx: Ctx, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const isUnknown = error instanceof Failure && error.code === "outcome-unknown";
    if (isUnknown && ctx.realm.slug !== null) await tellSweeper(ctx);
    throw error;
  }
}

/** `/api/v1/users/{id}`, as the OpenAPI document has it. */
export function patternOf(c: AppContext): string {
  return routePath(c).replaceAll(/:(\w+)/g, "{$1}");
}

/** The one place that vouches for {@link CtxOf}: {@link admit} has checked door and caller. */
function promised<D extends Doors, A extends Access>(ctx: Ctx): CtxOf<D, A> {
  return ctx as CtxOf<D, A>;
}

/** What the endpoint's schemas make of the request; without a schema there is nothing to read. */
export async function readInput<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
>(
  c: AppContext,
  endpoint: Endpoint<Doors, Access, Params, Query, Body>,
): Promise<Input<Params, Query, Body>> {
  const params = endpoint.params?.safeParse(c.req.param());
  // An id that cannot be one names nothing.
  if (params && !params.success) throw new Failure("not-found");
  const query = endpoint.query && validate(endpoint.query, onlyValues(c.req.queries()), "?");
  const json = endpoint.body && (await readJson(c.req.raw, c.get("scope").settings.MAX_BODY_BYTES));
  // For development only: production refuses this level (see env.ts).
  c.get("log").debug("input", { authorization: c.req.header("authorization"), body: json });
  const body = endpoint.body && validate(endpoint.body, json, "");
  const ifMatch = parseIfMatch(c.req.header("if-match"));
  const raw = endpoint.raw ? { raw: rawOf(c) } : {};
  return { params: params?.data, query, body, ...raw, ifMatch } as Input<Params, Query, Body>;
}

/** The body, not read yet. The host is the registry's, whatever the request says. */
function rawOf(c: AppContext): RawBody {
  const { pathname, search } = new URL(c.req.url);
  return {
    url: `${c.get("ctx").realm.origin}${pathname}${search}`,
    headers: c.req.raw.headers,
    read: (limit) => readBytes(c.req.raw, limit),
  };
}
