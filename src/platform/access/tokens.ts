import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import { ID_PREFIXES, ID_SUFFIX, newId } from "../ids.ts";

/** RFC 9068, section 2.1: the type that tells an access token from other JWTs. */
const TYPE = "at+jwt";
/** RFC 8037 (Ed25519). The only algorithm that is taken. */
const ALGORITHM = "EdDSA";
/** Longer than any token that we sign, in characters. */
const MAX_LENGTH = 2_048;

/** What an access token says. */
export interface AccessClaims {
  /** User id. */
  readonly sub: string;
  /** Session id. */
  readonly sid: string;
  /** Expiry, in seconds since the epoch. */
  readonly exp: number;
}

/** What an unverified token claims to be: enough to look up the key and the session. */
export interface TokenHint {
  readonly kid: string;
  readonly sid: string;
}

export interface TokenIssue {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  /** Origin of the realm: issuer and audience. */
  readonly origin: string;
  readonly userId: string;
  readonly sessionId: string;
  /** Life in seconds. */
  readonly seconds: number;
}

const SESSION_ID = new RegExp(`^${ID_PREFIXES.session}_${ID_SUFFIX}$`);
/** A thumbprint (RFC 7638): SHA-256 in base64url. */
const KID = /^[\w-]{43}$/;

const isSessionId = (value: unknown): value is string =>
  typeof value === "string" && SESSION_ID.test(value);
const isKid = (value: unknown): value is string => typeof value === "string" && KID.test(value);

/** Signs an access token (RFC 9068). */
export function signAccessToken(issue: TokenIssue): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  return new SignJWT({ sid: issue.sessionId, client_id: issue.origin })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: issue.kid })
    .setIssuer(issue.origin)
    .setAudience(issue.origin)
    .setSubject(issue.userId)
    .setJti(newId("token"))
    .setIssuedAt(now)
    .setExpirationTime(now + issue.seconds)
    .sign(issue.privateKey);
}

/** Reads what is needed to find the key; null when the token is not worth a look-up. */
export function hintOf(token: string): TokenHint | null {
  if (token.length > MAX_LENGTH) return null;
  try {
    const { kid, alg, typ } = decodeProtectedHeader(token);
    const { sid } = decodeJwt(token);
    if (alg !== ALGORITHM || typ !== TYPE) return null;
    return isKid(kid) && isSessionId(sid) ? { kid, sid } : null;
  } catch {
    return null;
  }
}

/**
 * Verifies signature, type, issuer, audience and expiry. Keys named in the header (`jku`, `jwk`,
 * `x5u`) are never looked at: the key is the realm's own.
 * @returns null when anything is wrong; `expired` when nothing is but that
 */
export async function verifyAccessToken(
  token: string,
  publicKey: CryptoKey,
  origin: string,
): Promise<AccessClaims | "expired" | null> {
  try {
    const { payload } = await jwtVerify(token, publicKey, {
      algorithms: [ALGORITHM],
      typ: TYPE,
      issuer: origin,
      audience: origin,
      currentDate: new Date(),
      requiredClaims: ["sub", "sid", "exp", "iat", "jti"],
    });
    const { sub, sid, exp } = payload;
    if (typeof sub !== "string" || !isSessionId(sid) || exp === undefined) return null;
    return { sub, sid, exp };
  } catch (error) {
    // Looked at last, after signature, type, issuer and audience.
    if (error instanceof errors.JWTExpired) return "expired";
    if (error instanceof errors.JOSEError || error instanceof TypeError) return null;
    throw error;
  }
}
