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
  /**
   * Tells consumers of work that the effect left to them. Called once a run, when all of it is
   * committed; it may be lost, and fails nothing.
   */
  readonly ring?: (ctx: TenantCtx) => Promise<void>;
}

export interface WebhookHandler {
  /** A type such as `payment.refunded`, or a family such as `payment.*`. */
  readonly types: string;
  /**
   * Has 20 seconds. What a call of a service throws may be let through: an open circuit breaker, a
   * rate that is reached, or too many calls at once put the event off without using an attempt.
   * @throws EventError when the event cannot take effect now, or ever: it is tried again
   */
  readonly handle: (ctx: TenantCtx, event: ReceivedEvent) => Promise<Effect>;
}

/** Why an event cannot take effect. The text is shown to the tenant. */
export class EventError extends Error {
  override readonly name = "EventError";
  /** Before so many seconds have passed it is not tried again: what a called service asked for. */
  readonly retryAfterSeconds: number | null;

  constructor(message: string, options: { readonly retryAfterSeconds?: number | null } = {}) {
    super(message);
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
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
