import { evictDurableObject } from "cloudflare:test";

/** Ends an object's instance. Of one that has ended by itself there is nothing to end. */
export async function evict(stub: Parameters<typeof evictDurableObject>[0]): Promise<void> {
  try {
    await evictDurableObject(stub);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("not currently running")) throw error;
  }
}
