/** People who sign in, their passwords and the locks on them. */
export { EVERYWHERE } from "./lockout.repository.ts";
export { provePassword } from "./lockout.service.ts";
export { networkOf } from "./network.ts";
export { presentUser } from "./users.present.ts";
export { insertUser, noteSignIn, type UserRow } from "./users.repository.ts";
export { usersRouter } from "./users.routes.ts";
export { Email, Password, User } from "./users.schemas.ts";
export { get as getUser, newUser } from "./users.service.ts";
export { signInFailures, users } from "./users.tables.ts";
