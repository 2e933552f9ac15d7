/**
 * Where a received event stands: `pending -> processing -> completed`; a failed attempt leads to
 * `failed`, and back to `processing`; the last one to `dead_letter`. What is too old to be kept
 * whole is `archived`: known, but without its payload.
 */
export const EVENT_STATES = [
  "pending",
  "processing",
  "completed",
  "failed",
  "dead_letter",
  "archived",
] as const;
export type EventState = (typeof EVENT_STATES)[number];

/** How a body is read: as JSON, as a form, or not at all. */
export const PAYLOAD_KINDS = ["json", "form", "other"] as const;
export type PayloadKind = (typeof PAYLOAD_KINDS)[number];
