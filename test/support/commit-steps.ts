import { eq } from "drizzle-orm";
import { insertUser, newUser, users } from "../../src/features/users/index.ts";
import { Failure } from "../../src/platform/problems.ts";
import { type Step, write } from "../../src/platform/tenancy/index.ts";

/** A step that adds a user nobody can sign in as. */
export const addUser = (email: string): Step =>
  insertUser(newUser({ email, first_name: "A", last_name: "B", role: "user" }, "no hash"));
/** A step that gives a user another first name; parts of the step may be said otherwise. */
export const rename = (id: string, name: string, step: Partial<Step> = {}): Step =>
  ({
    statement: write.update(users).set({ firstName: name }).where(eq(users.id, id)),
    expect: 1,
    as: "users.rename",
    ...step,
  }) as Step;
/** What a commit that fails tells its caller. */
export const codeOf = async (run: Promise<unknown>) => {
  const error = await run.then(
    () => new Error("It succeeded."),
    (reason: unknown) => reason,
  );
  return error instanceof Failure ? error.code : String(error);
};
