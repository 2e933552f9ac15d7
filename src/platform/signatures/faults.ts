/** Why a request is not taken for genuine. The list is closed; people read it in their rejections. */
export const SIGNATURE_FAULTS = [
  /** No header with a signature. */
  "signature-missing",
  /** The header is not written as the scheme writes it, or holds no signature of its version. */
  "signature-malformed",
  /** Well written, but no listed signature is that of any secret. */
  "signature-mismatch",
  /** More entries than any honest sender lists. */
  "too-many-signatures",
  "timestamp-missing",
  "timestamp-malformed",
  /** Genuine, but longer ago than the tolerance. */
  "timestamp-stale",
  /** Genuine, but further in the future than the tolerance. */
  "timestamp-ahead",
  /** The id is among what is signed, and is not there. */
  "id-missing",
] as const;

export type SignatureFault = (typeof SIGNATURE_FAULTS)[number];
