import type { OperatorsApi } from "../lib/operators-api.ts";

/** A tenant as the operators' API shows it; what a command needs of it. */
export interface Tenant {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly url: string;
  readonly state: string;
  readonly plan: string;
  readonly cell: string;
  readonly region?: string | null;
  readonly purge_after: string | null;
  readonly created_at: string;
}

/** @throws Error for a person, when there is no such tenant; ApiProblem */
export async function findTenant(api: OperatorsApi, slug: string): Promise<Tenant> {
  for await (const tenant of api.list<Tenant>(`/tenants?slug=${encodeURIComponent(slug)}`)) {
    return tenant;
  }
  throw new Error(`There is no tenant "${slug}".`);
}
