/** People who sign in, their passwords and the locks on them. */
export { EVERYWHERE } from "./lockout.repository.ts";
export { provePassword } from "./lockout.service.ts";
export { presentUser } from "./users.present.ts";
export {
  findUser,
  insertUser,
  noteSignIn,
  type UserRow,
  type UserView,
} from "./users.repository.ts";
export { usersRouter } from "./users.routes.ts";
export { Email, NewPassword, Password, User } from "./users.schemas.ts";
export { newUser } from "./users.service.ts";
export { signInFailures, users } from "./users.tables.ts";
