import { allows, type Permission } from "../access/permissions.ts";
import type { Ctx, SignedIn } from "../context.ts";
import { Failure } from "../problems.ts";
import { commitAside } from "../tenancy/index.ts";
import { readJson } from "./body.ts";
import type { AppContext } from "./context.ts";
import type { Endpoint, Input, UntypedHandling } from "./endpoint.ts";
import { parseIfMatch } from "./etag.ts";
import { claimOf, orStoredAnswer } from "./idempotency.ts";
import { renderAnswer, toResponse } from "./render.ts";
import { validate } from "./validation.ts";

/**
 * What every request to an endpoint goes through, in this order: door, caller, permission, input,
 * idempotency, use case, answer. A new endpoint gets all of it without asking.
 */
export async function runEndpoint(
  c: AppContext,
  endpoint: Endpoint,
  { handle, present }: UntypedHandling,
): Promise<Response> {
  c.set("route", endpoint.path);
  const ctx = await admit(c, endpoint);
  const input = await readInput(c, endpoint);
  const render = (result: unknown) => renderAnswer(c, endpoint, present(result, ctx));
  const idempotency = await claimOf(c, ctx, endpoint, input, render);
  const rendered = await orStoredAnswer(ctx, idempotency, async () =>
    render(await handle(idempotency ? { ...ctx, idempotency } : ctx, input)),
  );
  return toResponse(c, ctx, rendered);
}

/** Door, caller, permission. */
async function admit(c: AppContext, endpoint: Endpoint): Promise<Ctx> {
  const ctx = c.get("ctx");
  const door = ctx.realm.slug === null ? "platform" : "tenant";
  if (endpoint.doors !== "both" && endpoint.doors !== door) throw new Failure("not-found");
  if (endpoint.access === "public") return ctx;
  const signedIn = await c.get("authenticate")(ctx, c.req.header("authorization"));
  c.set("ctx", signedIn);
  if (endpoint.access !== "signed-in") await authorize(signedIn, endpoint.access);
  return signedIn;
}

/** Default deny; a refusal is audited. */
async function authorize(ctx: SignedIn, permission: Permission): Promise<void> {
  if (allows(ctx.principal.role, permission)) return;
  await commitAside(ctx, [], [{ action: "permission.refused", target: permission, summedBy: "" }]);
  throw new Failure("permission-denied", `The permission ${permission} is needed.`);
}

type AnyInput = Input<never, never, never>;

async function readInput(c: AppContext, endpoint: Endpoint): Promise<AnyInput> {
  const params = endpoint.params?.safeParse(c.req.param());
  // An id that cannot be one names nothing.
  if (params && !params.success) throw new Failure("not-found");
  const query = endpoint.query && validate(endpoint.query, c.req.query(), "?");
  const json = endpoint.body && (await readJson(c.req.raw, c.get("seat").settings.MAX_BODY_BYTES));
  // For development only: production refuses this level (see env.ts).
  c.get("log").debug("input", { authorization: c.req.header("authorization"), body: json });
  const body = endpoint.body && validate(endpoint.body, json, "");
  const ifMatch = parseIfMatch(c.req.header("if-match"));
  return { params: params?.data, query, body, ifMatch } as unknown as AnyInput;
}
