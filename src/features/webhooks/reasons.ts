import { SIGNATURE_FAULTS } from "../../platform/signatures/index.ts";

/** Why a delivery was turned away. */
export const REJECTION_REASONS = [
  "unknown-service",
  "content-too-large",
  "malformed-body",
  ...SIGNATURE_FAULTS,
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];
