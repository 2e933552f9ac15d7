import type { Ctx, Realm } from "../context.ts";

/** What is counted for a tenant as a whole: calls of its people, webhooks, calls to its services. */
const KINDS = ["tenant", "webhooks", "calls"] as const;

/** Name of the RATE_LIMITER object that keeps one of a realm's accounts. */
export function accountOf(kind: (typeof KINDS)[number], { id }: Pick<Realm, "id">): string {
  return `${kind}:${id}`;
}

/** Erases all accounts of a tenant that is gone for good. @throws when an object does not answer */
export async function eraseAccounts({ objects, realm }: Pick<Ctx, "objects" | "realm">) {
  for (const kind of KINDS) {
    await objects.ask("RATE_LIMITER", accountOf(kind, realm), (limiter) => limiter.erase());
  }
}
