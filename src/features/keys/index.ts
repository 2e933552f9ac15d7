/** The public keys that verify a realm's tokens. */
export { keysRouter } from "./keys.routes.ts";
