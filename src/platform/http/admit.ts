import { allows, type Permission } from "../access/permissions.ts";
import type { Ctx, SignedIn } from "../context.ts";
import { callerGate } from "../limits/policies.ts";
import { pass, passAddress } from "../limits/request-limits.ts";
import { Failure } from "../problems.ts";
import { commitAside } from "../tenancy/index.ts";
import type { AppContext } from "./context.ts";
import { type Endpoint, isOpen } from "./endpoint.ts";

/**
 * Door, caller, limits, permission. Whoever shows no token is held to the limits of the address, and
 * whoever is signed in to the realm's and the user's own: a flood of one touches nothing of the other.
 * What is signed, its use case limits, which knows the keys.
 */
export async function admit(c: AppContext, endpoint: Endpoint): Promise<Ctx> {
  const ctx = c.get("ctx");
  const { access, doors } = endpoint;
  const door = ctx.realm.slug === null ? "platform" : "tenant";
  if (doors !== "both" && doors !== door) {
    await passAddress(ctx, ["anonymous"]);
    throw new Failure("not-found");
  }
  if (access === "signature") return ctx;
  const authorization = c.req.header("authorization");
  const isAnonymous = access === "public" || authorization === undefined;
  if (isAnonymous) await passStranger(ctx, endpoint);
  if (isAnonymous && isOpen(access)) return ctx;
  const caller = await c.get("authenticate")(ctx, authorization);
  c.set("ctx", caller);
  await pass(caller, callerGate(caller, caller.principal.id, caller.plan));
  if (!isOpen(access) && access !== "signed-in") await authorize(caller, access);
  return caller;
}

function passStranger(ctx: Ctx, { limit }: Endpoint): Promise<void> {
  const names =
    limit === "sign-in" ? (["anonymous", "sign-in"] as const) : (["anonymous"] as const);
  return passAddress(ctx, names, { always: limit === "guard" });
}

/** Default deny; a refusal is audited. */
async function authorize(ctx: SignedIn, permission: Permission): Promise<void> {
  if (allows(ctx.principal.role, permission)) return;
  await commitAside(ctx, [], [{ action: "permission.refused", target: permission, summed: true }]);
  throw new Failure("permission-denied", `The permission ${permission} is needed.`);
}
