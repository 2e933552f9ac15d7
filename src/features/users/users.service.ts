import { forgetUser } from "../../platform/access/authenticate.ts";
import { protectPassword, requireGoodPassword } from "../../platform/access/passwords.ts";
import type { Role } from "../../platform/access/permissions.ts";
import type { Ctx, SignedIn, TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { Failure } from "../../platform/problems.ts";
import { withinQuota } from "../../platform/quotas/counted.ts";
import { recheckStreams } from "../../platform/stream/stream-client.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { endSessionsOf, eraseSessionsOf, forgetDevices } from "../sessions/index.ts";
import { clearFailures, OWN_SESSION } from "./lockout.repository.ts";
import { provePassword } from "./lockout.service.ts";
import {
  deleteUser,
  findCredentials,
  findUser,
  insertUser,
  keepAnAdmin,
  listUsers,
  replacePassword,
  USER_QUOTA,
  type UserRow,
  type UserView,
  updateUser,
} from "./users.repository.ts";

/** What may be said of a person. */
export interface Person {
  readonly email: string;
  readonly first_name: string;
  readonly last_name: string;
  readonly role: Role;
}

/** A complete row for a new user. */
export function newUser(person: Person, passwordHash: string): UserRow {
  const now = new Date();
  return {
    id: newId("user"),
    email: person.email,
    firstName: person.first_name,
    lastName: person.last_name,
    role: person.role,
    passwordHash,
    passwordVersion: 1,
    lastSignInAt: null,
    createdAt: now,
    updatedAt: now,
    version: 1,
  };
}

export function list(
  ctx: TenantCtx,
  query: { limit: number; cursor?: string | undefined; role?: Role | undefined },
): Promise<Page<UserView>> {
  const filters = { role: query.role };
  return paginate(
    ctx,
    { list: "users", filters, limit: query.limit, cursor: query.cursor },
    (after, count) => listUsers(ctx.db, filters, after, count),
    (row) => [row.id],
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: Ctx, userId: string, from?: "primary"): Promise<UserView> {
  const user = await findUser(ctx.db, userId, from);
  if (!user) throw new Failure("not-found");
  return user;
}

/** @throws Failure `over-quota`, `email-taken`, `validation-failed` for a weak password */
export async function create(
  ctx: TenantCtx,
  input: Person & { readonly password: string },
): Promise<UserView> {
  requireGoodPassword(input.password, input.email, "/password");
  const row = newUser(input, await protectPassword(ctx, input.password));
  return withinQuota(ctx, USER_QUOTA, (room) =>
    commit(
      ctx,
      [...room, insertUser(row)],
      [{ action: "user.created", target: row.id, details: { new: describe(row) } }],
      { ...row, lockedUntil: null },
    ),
  );
}

/** @throws Failure `not-found`, `precondition-failed`, `email-taken`, `last-admin` */
export async function update(
  ctx: Ctx,
  userId: string,
  changes: { readonly [K in keyof Person]?: Person[K] | undefined },
  ifMatch: IfMatch,
): Promise<UserView> {
  const before = await get(ctx, userId, "primary");
  requireVersion(ifMatch, before.version);
  const next = {
    email: changes.email ?? before.email,
    firstName: changes.first_name ?? before.firstName,
    lastName: changes.last_name ?? before.lastName,
    role: changes.role ?? before.role,
    updatedAt: new Date(),
    version: before.version + 1,
  };
  const demoted = before.role === "admin" && next.role !== "admin";
  const result = await commit(
    ctx,
    [
      updateUser(userId, before.version, next, lostRace(ifMatch)),
      ...(demoted ? [keepAnAdmin()] : []),
    ],
    [
      {
        action: "user.updated",
        target: userId,
        details: { old: describe(before), new: describe(next) },
      },
    ],
    { ...before, ...next },
  );
  forgetUser(ctx.realm.id, userId);
  if (before.role !== next.role) await recheckStreams(ctx);
  return result;
}

/** @throws Failure `not-found`, `precondition-failed`, `last-admin` */
export async function remove(ctx: TenantCtx, userId: string, ifMatch: IfMatch): Promise<void> {
  const user = await get(ctx, userId, "primary");
  requireVersion(ifMatch, user.version);
  await commit(
    ctx,
    [
      deleteUser(userId, user.version, lostRace(ifMatch)),
      keepAnAdmin(),
      ...eraseSessionsOf(userId),
      clearFailures(user.email),
    ],
    [{ action: "user.deleted", target: userId, details: { old: describe(user) } }],
  );
  forgetUser(ctx.realm.id, userId);
  await recheckStreams(ctx);
}

/** Lifts a sign-in lock. */
export async function unlock(ctx: TenantCtx, userId: string): Promise<UserView> {
  const user = await get(ctx, userId, "primary");
  return commit(
    ctx,
    [clearFailures(user.email)],
    [{ action: "user.unlocked", target: userId, details: { email: user.email } }],
    { ...user, lockedUntil: null },
  );
}

/** A person's own names. */
export function updateProfile(
  ctx: SignedIn,
  changes: { readonly first_name?: string | undefined; readonly last_name?: string | undefined },
  ifMatch: IfMatch,
): Promise<UserView> {
  return update(ctx, ctx.principal.id, changes, ifMatch);
}

/**
 * Changes the caller's own password, ends all other sessions and forgets all devices.
 * @throws Failure `wrong-password`, `sign-in-locked`, `validation-failed` for a weak password
 */
export async function changePassword(
  ctx: SignedIn,
  input: { readonly current_password: string; readonly new_password: string },
): Promise<void> {
  const { id, email, sessionId } = ctx.principal;
  requireGoodPassword(input.new_password, email, "/new_password");
  const user = await findCredentials(ctx.db, id);
  if (!user) throw new Failure("unauthenticated");
  const proof = await provePassword(
    ctx,
    {
      email: user.email,
      stored: user.passwordHash,
      password: input.current_password,
      network: OWN_SESSION,
      everywhere: false,
      lockedUntil: user.lockedUntil,
      userId: id,
    },
    {
      failed: "user.password_change_failed",
      locked: "user.password_change_locked",
      wrong: "wrong-password",
    },
  );
  const passwordHash = await protectPassword(ctx, input.new_password);
  await commit(
    ctx,
    [
      ...proof.steps,
      replacePassword(id, user.passwordVersion, passwordHash),
      endSessionsOf(id, sessionId),
      forgetDevices(id),
    ],
    [
      { action: "user.password_changed", target: id },
      { action: "session.others_ended", target: id, whenChanged: "sessions.end" },
    ],
  );
  forgetUser(ctx.realm.id, id);
  await recheckStreams(ctx);
}

/** What an audit row tells of a user. */
function describe(user: Pick<UserRow, "email" | "firstName" | "lastName" | "role">) {
  const { email, firstName, lastName, role } = user;
  return { email, first_name: firstName, last_name: lastName, role };
}
