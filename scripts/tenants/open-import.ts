import { ApiProblem, type OperatorsApi } from "../lib/operators-api.ts";
import { BadArchive } from "./archive.ts";

/** An import, as the operators' API shows it. */
export interface Import {
  readonly id: string;
  readonly tenant_id: string;
  readonly kind: "new" | "move";
  readonly parts: number;
  readonly rows: number;
  readonly rows_verified: number;
  readonly state: "receiving" | "verified" | "done" | "abandoned";
  readonly cell: string;
}

/** The import that a tenant has open; it has one at most, and none where nobody knows it. */
export async function openImport(api: OperatorsApi, tenantId: string): Promise<Import | undefined> {
  try {
    for await (const each of api.list<Import>(`/tenants/${tenantId}/imports`)) {
      if (each.state === "receiving" || each.state === "verified") return each;
    }
  } catch (error) {
    if (!(error instanceof ApiProblem && error.status === 404)) throw error;
  }
  return undefined;
}

/** Gives up the import that a tenant has open. @throws Error for a person, when it has none */
export async function abandonOpen(
  api: OperatorsApi,
  { id, slug }: { readonly id: string; readonly slug: string },
): Promise<Import> {
  const open = await openImport(api, id);
  if (!open) throw noneOpen(slug);
  await abandon(api, open);
  return open;
}

export function noneOpen(slug: string): Error {
  return new Error(`No import or move of ${slug} is open: nothing was changed.`);
}

/** A moving tenant is where and what it was, afterwards. */
async function abandon(api: OperatorsApi, { id, tenant_id }: Import): Promise<void> {
  await api.call({ method: "DELETE", path: `/tenants/${tenant_id}/imports/${id}` });
}

/** Answers to an archive that will never be taken. */
const HOPELESS = ["archive-invalid", "import-state"];

/**
 * Does what an import is open for. One that failed a check is given up again by the command that has
 * begun it; any other that is cut short stays open, and the error says how to go on.
 *
 * @param isOwn whether this command has begun it
 * @param ways how a person goes on, or gives it up
 * @param forget called once it is given up
 */
export async function whileOpen<T>(
  api: OperatorsApi,
  {
    begun,
    isOwn,
    ways,
    forget,
  }: { begun: Import; isOwn: boolean; ways: string; forget?: () => Promise<void> },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isHopeless =
      error instanceof BadArchive || (error instanceof ApiProblem && HOPELESS.includes(error.code));
    if (!isOwn || !isHopeless) throw andThen(error, await howToGoOn(api, begun, ways));
    await abandon(api, begun);
    await forget?.();
    const where = begun.kind === "move" ? "; the tenant is where it was" : "";
    throw andThen(error, `The import that was begun is abandoned again${where}.`);
  }
}

function andThen(error: unknown, sentence: string): Error {
  return new Error(`${(error as Error).message}\n${sentence}`.trimEnd(), { cause: error });
}

/** Nothing where it was completed after all, and the answer lost. */
async function howToGoOn(api: OperatorsApi, begun: Import, ways: string): Promise<string> {
  const open = await openImport(api, begun.tenant_id).catch(() => begun);
  if (!open) return "";
  const door = open.kind === "move" ? ", and the tenant's door answers 503" : "";
  return `The import is open${door}: ${ways}`;
}
