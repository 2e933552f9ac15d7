/** The public keys that verify a realm's tokens, and their succession. */
export { keyChores } from "./jobs.ts";
export { keysRouter } from "./keys.routes.ts";
