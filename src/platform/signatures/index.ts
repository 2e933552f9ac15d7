/**
 * Signatures of webhooks: one engine that verifies and makes them, and one table, schemes.ts, that
 * says how each provider does it.
 */
export { distinctContent } from "./distinct.ts";
export { SIGNATURE_FAULTS, type SignatureFault } from "./faults.ts";
export { challengeOf, type EventIdentity, identify } from "./identity.ts";
export { payloadFormat, sampleBody } from "./sample.ts";
export { SCHEME_NAMES, type SchemeName } from "./schemes.ts";
export { type SignatureSettings, settingsFaults } from "./settings.ts";
export { sign } from "./sign.ts";
export { type SignedRequest, verify } from "./verify.ts";
