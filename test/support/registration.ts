import { PASSWORD } from "./client.ts";

/** A body for `POST /auth/register` that is accepted. */
export function registrationOf(slug: string, changes: Record<string, unknown> = {}) {
  return {
    company_name: `Company ${slug}`,
    slug,
    admin_email: `admin@${slug}.test`,
    admin_password: PASSWORD,
    admin_first_name: "Ada",
    admin_last_name: "Admin",
    ...changes,
  };
}

export const REGISTER = "http://rowhouse.test/api/v1/auth/register";

/** `count` bodies' or callers' numbers: 0, 1, 2 ... */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
