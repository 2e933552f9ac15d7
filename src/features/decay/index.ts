/** Whether support silently becomes less. */
export { decayChores, decayJobs } from "./jobs.ts";
