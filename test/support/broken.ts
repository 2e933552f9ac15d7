/** Databases that have gone. */
import type { Bindings } from "../../src/env.ts";
import { wrapD1 } from "./d1.ts";
import { databaseOf, registryOf } from "./worker.ts";

export const GONE = "D1_ERROR: Network connection lost.";

/** The control database, failing with this text whatever it is asked. */
export function brokenControl(text = GONE): Partial<Bindings> {
  return broken("CONTROL_DB", text);
}

/** A tenant's own database, failing with this text whatever it is asked. */
export async function brokenTenant(slug: string, text = GONE): Promise<Partial<Bindings>> {
  return broken(String((await registryOf(slug))?.binding), text);
}

function broken(binding: string, text: string): Partial<Bindings> {
  return { [binding]: wrapD1(databaseOf(binding), () => Promise.reject(new Error(text))) };
}
