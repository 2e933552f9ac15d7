import type { TenantCtx } from "../../platform/context.ts";
import type { AuditEntry, Step } from "../../platform/tenancy/index.ts";

/** A received event, as its handler sees it. */
export interface ReceivedEvent {
  /** Ours. A handler that calls out passes it on as idempotency key: it may be called again. */
  readonly id: string;
  /** Slug of the service. */
  readonly service: string;
  readonly type: string;
  readonly receivedAt: Date;
  /** The parsed body: a JSON value, a form's fields, or undefined where it is neither. */
  readonly payload: unknown;
}

/**
 * What an event changes. It is committed together with the event's completion, all or nothing, so
 * that it takes effect once however often the handler runs.
 */
export interface Effect {
  readonly steps: readonly Step[];
  readonly audit: readonly AuditEntry[];
}

export interface WebhookHandler {
  /** A type such as `payment.refunded`, or a family such as `payment.*`. */
  readonly types: string;
  /** @throws EventError when the event cannot take effect now, or ever: it is tried again */
  readonly handle: (ctx: TenantCtx, event: ReceivedEvent) => Promise<Effect>;
}

/** Why an event cannot take effect. The text is shown to the tenant. */
export class EventError extends Error {
  override readonly name = "EventError";
}

/** The first handler whose types include this one. */
export function handlerFor(
  handlers: readonly WebhookHandler[],
  type: string,
): WebhookHandler | undefined {
  return handlers.find(({ types }) =>
    types.endsWith("*") ? type.startsWith(types.slice(0, -1)) : types === type,
  );
}
