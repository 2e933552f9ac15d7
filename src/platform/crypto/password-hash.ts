/**
 * Password hashes. New ones are scrypt (RFC 7914) with parameters that OWASP recommends; hashes with
 * other parameters and imported bcrypt hashes are verified and reported as outdated, so that the
 * caller hashes anew at the next sign-in.
 *
 * One hash holds the isolate for its whole time: callers go through the hash gate.
 */
import { scryptSync } from "node:crypto";
import { compare as compareBcrypt } from "bcryptjs";
import { constantTimeEqual } from "./digest.ts";
import { fromBase64NoPad, toBase64NoPad, utf8 } from "./encoding.ts";
import { randomBytes } from "./random.ts";

export interface ScryptParams {
  /** log2 of N, the cost in time and memory. */
  ln: number;
  /** Block size: a hash takes 128 · N · r bytes of memory. */
  r: number;
  /** Parallelism: how often the whole is repeated. */
  p: number;
}

export interface PasswordVerdict {
  /** The password is the one that was hashed. */
  ok: boolean;
  /** The stored text is anything but a hash with the current parameters. */
  outdated: boolean;
}

/** One of the equivalent sets of the OWASP Password Storage Cheat Sheet: N=2^14, r=8, p=5. */
export const OWASP_SCRYPT: ScryptParams = { ln: 14, r: 8, p: 5 };

const SALT_BYTES = 16;
const KEY_BYTES = 32;
// The runtime refuses more, and a stored text must not be able to make us try.
const MAX_WORK = 2 ** 20;
// Each step doubles: 2^14 rounds take a second in JavaScript. More is no honest import.
const MAX_BCRYPT_COST = 14;
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,7}),p=(\d{1,7})\$([^$]{1,128})\$([^$]{1,128})$/;

let hashes = 0;

/** How many password hashes this isolate has computed. For tests of how much a request costs. */
export function hashCount(): number {
  return hashes;
}

/**
 * Hashes a password under a fresh salt into `$scrypt$ln=14,r=8,p=5$<salt>$<hash>` (the PHC string
 * format). The password is taken in Unicode form NFKC (NIST SP 800-63B), so that one typed on
 * another keyboard matches. Throws a RangeError for parameters beyond N·r·p = 2^20.
 */
export async function hashPassword(
  password: string,
  params: ScryptParams = OWASP_SCRYPT,
): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = deriveScrypt(password, salt, params, KEY_BYTES);
  const { ln, r, p } = params;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${toBase64NoPad(salt)}$${toBase64NoPad(key)}`;
}

/**
 * Whether `password` is the one behind `stored`, a scrypt or bcrypt text. Never throws: what cannot
 * be read, or would cost absurdly much, is not ok and costs one hash, as nobody does. bcrypt reads the first 72 bytes
 * of the password only, as it did when the text was made, and takes them as typed (no NFKC).
 */
export async function verifyPassword(
  stored: string,
  password: string,
  params: ScryptParams = OWASP_SCRYPT,
): Promise<PasswordVerdict> {
  if (isBcrypt(stored)) return { ok: await verifyBcrypt(stored, password), outdated: true };
  const known = parseScrypt(stored);
  if (known === null) return { ...(await verifyAgainstNobody(password, params)), outdated: true };
  const key = deriveScrypt(password, known.salt, known.params, known.key.byteLength);
  return { ok: constantTimeEqual(key, known.key), outdated: !isCurrent(known, params) };
}

/**
 * Spends exactly one hash and answers no. For accounts that do not exist, or have no password, so that
 * their answers take as long as the others'.
 */
export async function verifyAgainstNobody(
  password: string,
  params: ScryptParams = OWASP_SCRYPT,
): Promise<PasswordVerdict> {
  deriveScrypt(password, NOBODYS_SALT, params, KEY_BYTES);
  return { ok: false, outdated: false };
}

const NOBODYS_SALT = new Uint8Array(SALT_BYTES);

interface StoredScrypt {
  params: ScryptParams;
  salt: Uint8Array;
  key: Uint8Array;
}

function parseScrypt(stored: string): StoredScrypt | null {
  const match = SCRYPT.exec(stored);
  if (match === null) return null;
  const params = { ln: Number(match[1]), r: Number(match[2]), p: Number(match[3]) };
  const salt = fromBase64NoPad(match[4] as string);
  const key = fromBase64NoPad(match[5] as string);
  // A short key would let many passwords match.
  if (!affordable(params) || salt === null || key === null || key.byteLength < 16) return null;
  return { params, salt, key };
}

function isCurrent(known: StoredScrypt, params: ScryptParams): boolean {
  return (
    known.params.ln === params.ln &&
    known.params.r === params.r &&
    known.params.p === params.p &&
    known.salt.byteLength === SALT_BYTES &&
    known.key.byteLength === KEY_BYTES
  );
}

function affordable({ ln, r, p }: ScryptParams): boolean {
  return ln >= 1 && r >= 1 && p >= 1 && 2 ** ln * r * p <= MAX_WORK;
}

function deriveScrypt(
  password: string,
  salt: Uint8Array,
  params: ScryptParams,
  length: number,
): Uint8Array {
  if (!affordable(params)) throw new RangeError("scrypt parameters out of bounds");
  const { ln, r, p } = params;
  hashes += 1;
  // The form with a callback blocks workerd's isolate just as long. This one says so, and leaves no
  // moment in which a cancelled request could be lost halfway with the hash gate in its hands.
  return scryptSync(utf8(password.normalize("NFKC")), salt, length, {
    N: 2 ** ln,
    r,
    p,
    maxmem: 128 * r * (2 ** ln + p + 2),
  });
}

function isBcrypt(stored: string): boolean {
  const cost = Number(BCRYPT.exec(stored)?.[1] ?? Number.NaN);
  return cost >= 4 && cost <= MAX_BCRYPT_COST;
}

async function verifyBcrypt(stored: string, password: string): Promise<boolean> {
  hashes += 1;
  try {
    return await compareBcrypt(password, stored);
  } catch {
    return false;
  }
}
