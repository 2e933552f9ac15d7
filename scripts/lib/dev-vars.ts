import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ROOT } from "./paths.ts";

/** Where local secrets stand; `ROWHOUSE_DEV_VARS` chooses another file. */
export function devVarsFile(env: NodeJS.ProcessEnv = process.env): string {
  return env.ROWHOUSE_DEV_VARS ? resolve(ROOT, env.ROWHOUSE_DEV_VARS) : join(ROOT, ".dev.vars");
}

/**
 * Makes the file of local secrets and settings, readable by its owner only, unless it is there already.
 *
 * @returns whether it was made now. Existing secrets are never overwritten: what the local
 * databases hold is encrypted with them.
 */
export function ensureDevVars(file: string): boolean {
  const text = `# Secrets and settings of local development, made by \`npm start\`. Never commit this file.
# Local databases are encrypted with the key: a new one wants a new state directory.
MASTER_KEY="k1:${randomBytes(32).toString("base64url")}"
ENVIRONMENT="development"
BASE_URL="http://localhost:8787"
CELL="local-1"
REGISTRATION="open"
# Whoever tries things out registers more than a few companies a day from one address.
REGISTRATIONS_PER_IP_PER_DAY="1000000"
REGISTRATIONS_PER_DAY="1000000"
`;
  try {
    writeFileSync(file, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
