/**
 * Which passwords people may choose, after NIST SP 800-63B: long enough, not known to everybody, not
 * the e-mail; no rules on what they are made of.
 */
import { COMMON_PASSWORDS, COMMON_WORDS } from "./common-passwords.ts";
import { isDecoratedWord, isKeyboardWalk, repeatedUnit } from "./password-patterns.ts";

export const MIN_PASSWORD_LENGTH = 12;
export const MAX_PASSWORD_LENGTH = 256;

export type PasswordFault = "too-short" | "too-long" | "too-common" | "contains-email";

// Shorter names turn up in good passwords by chance.
const MIN_NAME_LENGTH = 4;

/**
 * Null when `password` will do for the owner of `email`, else the first thing wrong with it. Lengths
 * are Unicode code points of the form NFKC, the one that is hashed.
 */
export function checkPassword(password: string, email: string): PasswordFault | null {
  const text = password.normalize("NFKC");
  const length = [...text].length;
  if (length < MIN_PASSWORD_LENGTH) return "too-short";
  if (length > MAX_PASSWORD_LENGTH) return "too-long";
  const folded = text.toLowerCase();
  if (containsEmail(folded, email.normalize("NFKC").toLowerCase())) return "contains-email";
  if (isCommon(folded)) return "too-common";
  return null;
}

function isCommon(text: string): boolean {
  const unit = repeatedUnit(text);
  // Twice "password" is no better than once. Twice a good password is as good as it.
  if ([...unit].length < MIN_PASSWORD_LENGTH) return true;
  return COMMON_PASSWORDS.has(unit) || isKeyboardWalk(unit) || isDecoratedWord(unit, COMMON_WORDS);
}

/** The whole address anywhere, or a name from it (with or without its dots) as most of the text. */
function containsEmail(text: string, email: string): boolean {
  if (email.length >= MIN_NAME_LENGTH && text.includes(email)) return true;
  const local = email.split("@")[0] ?? "";
  const names = [local, local.split("+")[0] ?? ""];
  return names.some((name) => isMostly(text, name) || isMostly(bare(text), bare(name), text));
}

function isMostly(text: string, name: string, whole = text): boolean {
  if (name.length < MIN_NAME_LENGTH) return false;
  const covered = (text.split(name).length - 1) * name.length;
  return covered * 2 > whole.length;
}

function bare(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, "");
}
