import type { z } from "zod";
import { newId } from "../../platform/ids.ts";
import type { SeedArchive } from "./seed.schemas.ts";

/** A hash that no password has. */
const NO_PASSWORD = "none";

/** What the form says, as a new tenant's seed has it: the first active admin, then everybody else. */
export function toSeed({ tenant, users, actors }: z.output<typeof SeedArchive>) {
  const now = Date.now();
  const people = users.map(({ password_hash, is_active, created_at, ...person }) => ({
    ...person,
    id: newId("user"),
    createdAt: timeOf(created_at, now),
    passwordHash: is_active ? password_hash : NO_PASSWORD,
  }));
  const admin = people.find(({ role, passwordHash }) => {
    return role === "admin" && passwordHash !== NO_PASSWORD;
  });
  if (!admin) throw new Error("The form has been found to have an active admin.");
  return {
    tenantName: tenant.name,
    admin,
    people: people.filter((person) => person !== admin),
    actors: actors.map(({ created_at, ...actor }) => ({
      ...actor,
      id: newId("actor"),
      createdAt: timeOf(created_at, now),
    })),
  };
}

function timeOf(told: string | undefined, now: number): number {
  return told === undefined ? now : Date.parse(told);
}
