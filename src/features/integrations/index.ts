/** Whether what a tenant integrates works, and signals where it does not. Nobody imports this. */
export { integrationChores } from "./chores.ts";
