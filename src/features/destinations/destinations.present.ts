import type { z } from "zod";
import { isLive } from "./destination-secrets.ts";
import type * as schemas from "./destinations.schemas.ts";
import type { DestinationView, WithSecret } from "./destinations.service.ts";

export function presentDestination(view: DestinationView): z.input<typeof schemas.Destination> {
  const now = Date.now();
  return {
    id: view.id,
    url: view.url,
    description: view.description,
    event_types: view.eventTypes && [...view.eventTypes],
    status: view.status,
    disabled_reason: view.disabledReason,
    disabled_at: view.disabledAt?.toISOString() ?? null,
    failing_since: view.failingSince?.toISOString() ?? null,
    paused_until:
      view.pausedUntil && view.pausedUntil.getTime() > now ? view.pausedUntil.toISOString() : null,
    secrets: view.secrets
      .filter((secret) => isLive(secret, now))
      .map(({ id, createdAt, expiresAt }) => ({
        id,
        created_at: createdAt.toISOString(),
        expires_at: expiresAt?.toISOString() ?? null,
      })),
    created_at: view.createdAt.toISOString(),
    updated_at: view.updatedAt.toISOString(),
  };
}

export function presentWithSecret({
  view,
  secret,
}: WithSecret): z.input<typeof schemas.DestinationWithSecret> {
  return { ...presentDestination(view), secret };
}
