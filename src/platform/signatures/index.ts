/**
 * Signatures of webhooks: one engine that verifies and makes them, and one table, schemes.ts, that
 * says how each provider does it.
 */
export { headerFault } from "./claim.ts";
export { distinctContent } from "./distinct.ts";
export { SIGNATURE_FAULTS, type SignatureFault } from "./faults.ts";
export { challengeOf, type EventIdentity, identify } from "./identity.ts";
export { payloadFormat } from "./payload-format.ts";
export { sampleBody } from "./sample.ts";
export { schemeText } from "./scheme-text.ts";
export { SCHEME_NAMES, type SchemeName } from "./schemes.ts";
export { type SignatureSettings, settingsFaults } from "./settings.ts";
export { sign } from "./sign.ts";
export { type SignedRequest, verify } from "./verify.ts";
