import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { addressFault } from "../../platform/outbound/index.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { Failure } from "../../platform/problems.ts";
import { type AuditEntry, commit, type Step } from "../../platform/tenancy/index.ts";
import { newSecret } from "./destination-secrets.ts";
import {
  atMost,
  type DestinationRow,
  type DestinationView,
  deleteSecrets,
  findDestination,
  insertDestination,
  insertSecret,
  listDestinations,
  MOST_DESTINATIONS,
  updateDestination,
} from "./destinations.repository.ts";
import { DELIVER } from "./ring-deliveries.ts";
import { endStranded, requireNoneWaiting } from "./stranded.repository.ts";

export type { DestinationView } from "./destinations.repository.ts";

/** What callers may set. */
export interface DestinationInput {
  readonly url?: string | undefined;
  readonly description?: string | null | undefined;
  readonly event_types?: readonly string[] | null | undefined;
  readonly status?: DestinationRow["status"] | undefined;
}

/** A destination with the one secret that is shown, this once. */
export interface WithSecret {
  readonly view: DestinationView;
  readonly secret: string;
}

export function list(
  ctx: TenantCtx,
  query: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<DestinationView>> {
  return paginate(
    ctx,
    { list: "destinations", filters: {}, ...query },
    (after, count) => listDestinations(ctx.db, after, count),
    (row) => [row.id],
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: TenantCtx, id: string, from?: "primary"): Promise<DestinationView> {
  const view = await findDestination(ctx.db, id, from);
  if (!view) throw new Failure("not-found");
  return view;
}

/** @throws Failure `validation-failed`, also when there are {@link MOST_DESTINATIONS} already */
export async function create(
  ctx: TenantCtx,
  input: DestinationInput & { readonly url: string },
): Promise<WithSecret> {
  const now = new Date();
  const row: DestinationRow = {
    id: newId("destination"),
    url: callable(ctx, input.url),
    description: input.description ?? null,
    eventTypes: distinct(input.event_types ?? null),
    ...ENABLED,
    createdAt: now,
    updatedAt: now,
    version: 1,
    deletedAt: null,
  };
  const { row: secret, plain } = await newSecret(ctx, row.id);
  try {
    return await commit(
      ctx,
      [insertDestination(row), atMost(MOST_DESTINATIONS), insertSecret(secret)],
      [
        { action: "destination.created", target: row.id, details: { new: describe(row) } },
        { action: "destination_secret.added", target: secret.id },
      ],
      { view: { ...row, secrets: [secret] }, secret: plain },
    );
  } catch (error) {
    if (!(error instanceof Failure && error.code === "validation-failed")) throw error;
    const detail = `There are ${MOST_DESTINATIONS} destinations already, and no more are kept.`;
    throw new Failure("validation-failed", detail, { cause: error });
  }
}

/**
 * @throws Failure `not-found`, `precondition-failed`, `validation-failed`; `conflict`, also when one is
 *   to be enabled again for which so much waited that not all of it has ended yet
 */
export async function update(
  ctx: TenantCtx,
  id: string,
  changes: DestinationInput,
  ifMatch: IfMatch,
): Promise<DestinationView> {
  const { secrets, ...before } = await get(ctx, id, "primary");
  requireVersion(ifMatch, before.version);
  const now = new Date();
  const moved = changes.url !== undefined && changes.url !== before.url;
  const next: DestinationRow = {
    ...before,
    url: moved ? callable(ctx, changes.url ?? "") : before.url,
    description: changes.description === undefined ? before.description : changes.description,
    eventTypes:
      changes.event_types === undefined ? before.eventTypes : distinct(changes.event_types),
    // What another place answered says nothing of this one.
    ...(moved ? WELL : {}),
    updatedAt: now,
    version: before.version + 1,
  };
  const switched = switchTo(changes.status, before, now);
  const after = { ...next, ...switched.columns };
  const result = await commit(
    ctx,
    [
      ...switched.before,
      updateDestination(id, before.version, changed(before, after), lostRace(ifMatch)),
      ...switched.after,
    ],
    [
      {
        action: "destination.updated",
        target: id,
        details: { old: describe(before), new: describe(after) },
      },
      ...switched.audit,
    ],
    { ...after, secrets },
  );
  // What still waits for it is ended by the job.
  if (switched.after.length > 0) await ringJob(ctx, DELIVER);
  return result;
}

/**
 * Removes a destination: its address and secrets at once, its deliveries by and by.
 * @throws Failure `not-found`, `precondition-failed`, `conflict`
 */
export async function remove(ctx: TenantCtx, id: string, ifMatch: IfMatch): Promise<void> {
  const before = await get(ctx, id, "primary");
  requireVersion(ifMatch, before.version);
  const now = new Date();
  const gone = {
    url: "",
    description: null,
    status: "disabled",
    updatedAt: now,
    version: before.version + 1,
    deletedAt: now,
  } as const;
  await commit(
    ctx,
    [
      updateDestination(id, before.version, gone, lostRace(ifMatch)),
      deleteSecrets(before.secrets.map((secret) => secret.id)),
    ],
    [{ action: "destination.deleted", target: id, details: { old: describe(before) } }],
  );
}

const WELL = {
  failingSince: null,
  failures: 0,
  failureCountedAt: null,
  pausedUntil: null,
} as const;

const ENABLED = {
  status: "enabled",
  disabledReason: null,
  disabledAt: null,
  ...WELL,
} as const;

interface Switched {
  readonly columns: Partial<DestinationRow>;
  readonly before: readonly Step[];
  readonly after: readonly Step[];
  readonly audit: readonly AuditEntry[];
}

/**
 * What it takes to enable or disable a destination that is not so yet. What waited ends with it: a
 * piece here, and the rest by the job, before which it is not enabled again.
 */
function switchTo(
  wanted: DestinationRow["status"] | undefined,
  { id, status }: DestinationRow,
  at: Date,
): Switched {
  if (wanted === undefined || wanted === status) {
    return { columns: {}, before: [], after: [], audit: [] };
  }
  const audit = [{ action: `destination.${wanted}`, target: id }];
  const ending = endStranded(at, id);
  return wanted === "enabled"
    ? { columns: ENABLED, before: [ending, requireNoneWaiting(id)], after: [], audit }
    : {
        columns: { status: "disabled", disabledReason: "manual", disabledAt: at },
        before: [],
        after: [ending],
        audit,
      };
}

/** Attempts may set the other columns meanwhile, so only what differs is written. */
function changed(before: DestinationRow, after: DestinationRow): Partial<DestinationRow> {
  const differs = ([name, value]: [string, unknown]) =>
    value !== before[name as keyof DestinationRow];
  return Object.fromEntries(Object.entries(after).filter(differs));
}

function callable(ctx: TenantCtx, text: string): string {
  const fault = addressFault(new URL(text), ctx.settings);
  if (fault === null) return text;
  const errors = [{ pointer: "/url", message: fault }];
  throw new Failure("validation-failed", "Some values are not valid.", { errors });
}

function distinct(types: readonly string[] | null): readonly string[] | null {
  return types && [...new Set(types)];
}

/** What an audit row tells of a destination. */
function describe({ url, description, eventTypes, status }: DestinationRow) {
  return { url, description, event_types: eventTypes, status };
}
