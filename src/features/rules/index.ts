/** Which values of a metric are a signal. */
export { SEVERITIES, type Severity } from "./rules.tables.ts";
