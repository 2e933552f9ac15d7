import { and, eq, gt, type SQL, sql } from "drizzle-orm";
import type { Role } from "../../platform/access/permissions.ts";
import type { Keyset } from "../../platform/pagination.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import type { CountedQuota } from "../../platform/quotas/counted.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { lockedUntil, OWN_SESSION } from "./lockout.repository.ts";
import { signInFailures, users } from "./users.tables.ts";

export type UserRow = typeof users.$inferSelect;

/** A user as others see it: without the password, with the lock. */
export type UserView = Omit<UserRow, "passwordHash" | "passwordVersion"> & {
  readonly lockedUntil: Date | null;
};

/** What a change of a user writes; what a sign-in notes meanwhile is not its to undo. */
export type UserChange = Pick<
  UserRow,
  "email" | "firstName" | "lastName" | "role" | "updatedAt" | "version"
>;

const { id, email, firstName, lastName, role, lastSignInAt, createdAt, updatedAt, version } = users;
const columns = {
  id,
  email,
  firstName,
  lastName,
  role,
  lastSignInAt,
  createdAt,
  updatedAt,
  version,
};

export function listUsers(
  db: RealmDb,
  filters: { readonly role?: Role | undefined },
  after: Keyset | null,
  count: number,
): Promise<UserView[]> {
  return select(
    db,
    and(
      filters.role ? eq(users.role, filters.role) : undefined,
      after ? gt(users.id, String(after[0])) : undefined,
    ),
    count,
  );
}

export async function findUser(
  db: RealmDb,
  userId: string,
  from?: "primary",
): Promise<UserView | undefined> {
  const [row] = await select(db, eq(users.id, userId), 1, from);
  return row;
}

/** What the owner of a session has to prove to change the password. */
export async function findCredentials(db: RealmDb, userId: string) {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          email: users.email,
          passwordHash: users.passwordHash,
          passwordVersion: users.passwordVersion,
          lockedUntil: signInFailures.lockedUntil,
        })
        .from(users)
        .leftJoin(
          signInFailures,
          and(eq(signInFailures.email, users.email), eq(signInFailures.network, OWN_SESSION)),
        )
        .where(eq(users.id, userId)),
    "primary",
  );
  return row;
}

/** How many a plan allows. */
export const USER_QUOTA: CountedQuota = { name: "users", table: users };

export function insertUser(row: UserRow): Step {
  return {
    statement: write.insert(users).values(row),
    expect: 1,
    as: "users.insert",
    taken: { "users.email": "email-taken" },
  };
}

/** Changes one version of a user. */
export function updateUser(
  userId: string,
  fromVersion: number,
  changes: UserChange,
  otherwise: ProblemCode,
): Step {
  return {
    statement: write
      .update(users)
      .set(changes)
      .where(and(eq(users.id, userId), eq(users.version, fromVersion))),
    expect: 1,
    as: "users.update",
    otherwise,
    taken: { "users.email": "email-taken" },
  };
}

/**
 * Notes a sign-in; not a change of the user as others see it, so the version stays. A password that
 * was changed since it was proved opens nothing, and its better hash replaces nothing.
 * @param upgrade the same password under the parameters of today
 */
export function noteSignIn(
  userId: string,
  passwordVersion: number,
  at: Date,
  upgrade?: string,
): Step {
  return {
    statement: write
      .update(users)
      .set({ lastSignInAt: at, ...(upgrade === undefined ? {} : { passwordHash: upgrade }) })
      .where(and(eq(users.id, userId), eq(users.passwordVersion, passwordVersion))),
    expect: 1,
    as: "users.sign_in",
    otherwise: "invalid-credentials",
  };
}

/** Replaces a password; of two changes at once, one wins. */
export function replacePassword(userId: string, fromVersion: number, passwordHash: string): Step {
  return {
    statement: write
      .update(users)
      .set({ passwordHash, passwordVersion: fromVersion + 1 })
      .where(and(eq(users.id, userId), eq(users.passwordVersion, fromVersion))),
    expect: 1,
    as: "users.password",
  };
}

export function deleteUser(userId: string, fromVersion: number, otherwise: ProblemCode): Step {
  return {
    statement: write.delete(users).where(and(eq(users.id, userId), eq(users.version, fromVersion))),
    expect: 1,
    as: "users.delete",
    otherwise,
  };
}

/** Stands after a demotion or deletion: of two admins who remove each other at once, one stays. */
export function keepAnAdmin(): Step {
  return {
    require: sql`EXISTS (SELECT 1 FROM ${users} WHERE role = 'admin')`,
    as: "users.keep_an_admin",
    otherwise: "last-admin",
  };
}

async function select(
  db: RealmDb,
  where: SQL | undefined,
  count: number,
  from?: "primary",
): Promise<UserView[]> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ ...columns, locked: lockedUntil() })
        .from(users)
        .where(where)
        .orderBy(users.id)
        .limit(count),
    from,
  );
  return rows.map(({ locked, ...row }) => ({
    ...row,
    lockedUntil: locked === null ? null : new Date(locked),
  }));
}
