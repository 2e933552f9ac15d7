import { isAbsolute, join, resolve } from "node:path";

/** The root of the checkout. */
export const ROOT = resolve(import.meta.dirname, "..", "..");

/** Where scripts put what they generate. Git ignores it; deleting it loses local data only. */
export const GENERATED = join(ROOT, ".rowhouse");

/** Local databases and queues live here; `ROWHOUSE_STATE` chooses another directory. */
export function stateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env.ROWHOUSE_STATE;
  if (!chosen) return join(GENERATED, "state");
  return isAbsolute(chosen) ? chosen : resolve(ROOT, chosen);
}
