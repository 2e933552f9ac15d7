/** Signing in, staying signed in, signing out. */
export { readCaller } from "./auth.repository.ts";
export { authRouter } from "./auth.routes.ts";
export { SignedInUser } from "./auth.schemas.ts";
export { type Entry, enter } from "./auth.service.ts";
