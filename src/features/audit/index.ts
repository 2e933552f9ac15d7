/** Reading the audit log. Writing it is part of every commit. */
export { auditRouter } from "./audit.routes.ts";
