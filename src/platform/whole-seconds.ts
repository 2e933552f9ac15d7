/**
 * Milliseconds as `Retry-After` tells them (RFC 9110, section 10.2.3): rounded up, and at least 1, so
 * that whoever waits so long has waited long enough.
 */
export function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}
