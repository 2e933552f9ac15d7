import { DurableObject } from "cloudflare:workers";
import type { Bindings } from "../../env.ts";

/** Holds the WebSockets of one tenant, and sends them what happens there. */
export abstract class LiveStream extends DurableObject<Bindings> {}
