/** Rate limits: what a request has to pass, and who keeps count. */
export type { Verdict } from "./lease-client.ts";
export type { Limit } from "./purses.ts";
export { refusedFor, take } from "./take.ts";
