/**
 * A hundred tenants interleaved at random in one isolate: no answer ever shows one of them what
 * belongs to another. Every column that the API can write holds a canary.
 */
import { expect, it } from "vitest";
import { standingClock } from "../support/clock.ts";
import { type Dump, dumpOf } from "../support/dump.ts";
import { showFigures } from "../support/figures.ts";
import { seededRandom } from "../support/random.ts";
import { COUNTS_EVENTS } from "../support/schema.ts";
import { DEEP, databaseOf } from "../support/worker.ts";
import { canariesIn } from "./canary-scan.ts";
import type { Cast } from "./cast.ts";
import { settled } from "./houses.ts";
import { FORGED, OWN } from "./steps.ts";
import { arrivedAt } from "./steps-destinations.ts";
import { found, type Home, type Walk } from "./walk.ts";

const TENANTS = 100;
const STEPS = DEEP ? 10_000 : 1_000;
/** Steps that run at once, each in another tenant. */
const AT_ONCE = 10;
/**
 * Longest time between two rounds in ms. What is cached for 5 seconds or a minute runs out often, and
 * no token does: a walk takes less than 10 minutes.
 */
const ROUND_MS = DEEP ? 1_000 : 5_000;

/** Columns that hold what came in through the API. A new column belongs here or below. */
const WRITTEN = [
  "actors.name",
  "audit_log.request_id",
  // Of deliveries that were turned away: the slug of their service.
  "audit_log.target",
  "audit_private.data",
  "deliveries.sample",
  "deliveries.type",
  "delivery_attempts.response_text",
  "destinations.description",
  "destinations.event_types",
  "destinations.url",
  "events.metadata",
  "events.source",
  // Of those that came through the API: the id of their request.
  "events.source_id",
  "events.subject",
  "events.type",
  "realm.name",
  "services.api",
  "services.name",
  "services.slug",
  "services.webhook",
  "sessions.ip",
  "sessions.user_agent",
  "sign_in_failures.email",
  "sign_in_failures.network",
  "signal_rules.metric",
  "signals.dedupe_key",
  "signals.description",
  "signals.kind",
  "signals.metric",
  "signals.title",
  "users.email",
  "users.first_name",
  "users.last_name",
  "webhook_attempts.error",
  "webhook_events.last_error",
  "webhook_events.provider_id",
  "webhook_events.service",
  "webhook_events.type",
  "webhook_payloads.bytes",
  "webhook_payloads.content_type",
  "webhook_payloads.text",
  "webhook_rejections.service",
];
/** Columns that hold what we make: ids, times, counts, hashes, sealed texts, words of a list. */
const MADE = [
  ...columns("actors", "id type active created_at updated_at version"),
  ...columns("audit_log", "seq id commit_id ordinal occurred_at action principal"),
  ...columns("audit_log", "commitment sum_key"),
  ...columns("audit_private", "audit_id salt"),
  ...columns("audit_sums", "sum_key count"),
  ...columns("commit_marks", "commit_id marked_at"),
  ...columns("d1_migrations", "id name applied_at"),
  ...columns("deliveries", "id destination_id event_id status attempts tries leases due_at lease"),
  ...columns("deliveries", "response_status last_error created_at ended_at"),
  ...columns("delivery_attempts", "delivery_id number lease started_at ended_at outcome"),
  ...columns("delivery_attempts", "response_status duration_ms error"),
  ...columns("delivery_drain", "singleton chain chain_until retry_rung_for"),
  ...columns("destination_secrets", "id destination_id sealed created_at expires_at"),
  ...columns("destinations", "id status disabled_reason disabled_at failing_since created_at"),
  ...columns("destinations", "failures failure_counted_at paused_until"),
  ...columns("destinations", "updated_at version deleted_at"),
  ...columns("devices", "hash user_id created_at last_used_at"),
  ...columns("events", "id actor_id occurred_at recorded_at"),
  ...columns("idempotency_keys", "key payload answer expires_at"),
  ...columns("realm", "singleton id status created_at updated_at version registry_version"),
  ...columns("realm", "plan limits sla_response_time_ms sla_error_rate_percent"),
  ...columns("realm", "sla_downtime_minutes evaluation_window_minutes"),
  ...columns("refresh_tokens", "hash session_id generation created_at rotated_at"),
  ...columns("service_secrets", "id service_id sealed created_at"),
  ...columns("services", "id created_at updated_at version"),
  ...columns("services", "api_credential api_credential_id breaker_mode breaker_version"),
  ...columns("sessions", "id user_id created_at last_used_at idle_at ends_at revoked_at"),
  ...columns("sign_in_failures", "failures window_started_at locks locked_until expires_at"),
  ...columns("signal_changes", "seq signal_id change occurred_at"),
  ...columns("signal_rules", "id operator threshold duration_seconds severity active created_at"),
  ...columns("signal_rules", "updated_at version breached_since last_sample_at state_version"),
  ...columns("signals", "id source severity status response_time_ms error_rate_percent"),
  ...columns("signals", "downtime_minutes metric_value rule_id risk_score occurrences"),
  ...columns("signals", "last_seen_at assignee_id opened_at acknowledged_at acknowledged_by"),
  ...columns("signals", "resolved_at resolved_by updated_at version"),
  ...columns("signing_keys", "kid generation public_jwk private_sealed created_at not_after"),
  ...columns("sqlite_sequence", "name seq"),
  ...(COUNTS_EVENTS ? columns("usage", "month events") : []),
  ...columns("users", "id role password_hash password_version last_sign_in_at"),
  ...columns("users", "created_at updated_at version"),
  ...columns("webhook_attempts", "event_id number lease started_at ended_at outcome"),
  ...columns("webhook_drain", "singleton chain chain_until retry_rung_for seen_at"),
  ...columns("webhook_events", "id dedupe_key conflicting test status replay attempts"),
  ...columns("webhook_events", "attempts_left max_attempts due_at lease size received_at ended_at"),
  ...columns("webhook_events", "told_at buried_at"),
  // Batches go to a service that every tenant names alike.
  ...columns("webhook_batches", "service key received_at"),
  ...columns("webhook_payloads", "event_id kind"),
  ...columns("webhook_rejections", "hour reason count first_at last_at"),
];

const { pass } = standingClock();

it(`no answer shows another tenant's canary (${TENANTS} tenants, ${STEPS} steps)`, {
  timeout: 900_000,
}, async ({ task }) => {
  const random = seededRandom("canaries");
  const walk = await found(TENANTS, random);
  const [own, forged] = [Object.entries(OWN), Object.entries(FORGED)];
  // Each kind comes at least once; between them, and then, chance decides.
  const owed = [...own, ...forged];
  for (let done = 0; done < STEPS; done += AT_ONCE) {
    const homes = several(walk.homes, AT_ONCE, random.pick);
    const round = homes.map((home) => {
      const drawn = random.pick(random.chance(0.5) ? own : forged);
      const [name, step] = (random.chance(0.5) && owed.pop()) || drawn;
      const other = random.pick(walk.homes.filter((each) => each !== home));
      const rolls = [random.next(), random.next(), random.next()];
      const choose: Cast["choose"] = (list) => {
        const roll = rolls.shift() ?? 0;
        return list[Math.floor(roll * list.length)] as (typeof list)[number];
      };
      const [caller, stranger] = [random.pick(home.admins), random.pick(other.admins)];
      return step({ walk, home, other, caller, stranger, choose }).catch((cause) => {
        const where = `about step ${done}, tenant ${home.index} (other: ${other.index})`;
        throw new Error(`${name}, ${where}: ${cause.message}`, { cause });
      });
    });
    await Promise.all(round);
    pass(Math.floor(random.next() * ROUND_MS));
  }
  expect(owed).toEqual([]);

  for (const home of walk.homes) await settled(home);
  let sent = 0;
  for (const home of walk.homes) {
    const { count, of } = await arrivedAt(home);
    expect(of).toEqual([home.index]);
    sent += count;
  }
  const behind = await lookBehind(walk);
  expect(behind.leaks).toEqual([]);
  expect(behind.marked).toEqual(WRITTEN);
  expect(behind.unmarked).toEqual(MADE.sort());
  showFigures(
    task,
    `${TENANTS} tenants, ${STEPS} steps of ${own.length + forged.length} kinds, ` +
      `${walk.scan.seen} unique values seen, ${sent} deliveries sent, no leak`,
  );
});

it("the scan finds what leaks", async () => {
  const random = seededRandom("canary scan");
  const walk = await found(2, random);
  const [home, other] = walk.homes as [Home, Home];
  const token = other.admins[0]?.token;
  const answer = async (path: string, sent: string[] = []) => {
    const reply = await walk.ask(other, "GET", path, { token });
    return walk.scan.leaks(home.index, reply, sent);
  };
  const me = await answer("/auth/me", []);
  expect(me).toEqual(["a canary of tenant 1", other.admins[0]?.id]);
  expect(await answer(`/users/${other.users[0]}`)).not.toEqual([]);
  const [webhook = "", event = ""] = [other.webhooks[0], other.events[0]];
  expect(await answer(`/webhooks/events/${webhook}`)).toContain(webhook);
  // Which webhook it was made from is the queue's affair.
  const shown = await answer(`/events/${event}`);
  expect(shown).toContain(event);
  expect(other.webhooks.filter((id) => shown.includes(id))).toHaveLength(1);
  const services = await answer("/services");
  for (const prefix of ["service_", "secret_"]) expect(services.join()).toContain(prefix);
  expect(await answer("/audit?limit=1")).toContain("a canary of tenant 1");
  expect(await answer("/api/v1/nowhere")).toEqual(["a canary of tenant 1"]);
});

/** Looks into the tables: which columns hold canaries, and whether any holds another tenant's. */
async function lookBehind({ homes, scan }: Walk) {
  const leaks: string[] = [];
  const marked = new Set<string>();
  const all = new Set<string>();
  for (const home of homes) {
    const dump: Dump = await dumpOf(databaseOf(home.binding));
    for (const [table, rows] of Object.entries(dump)) {
      for (const row of rows) {
        const texts = [row];
        for (const [column, value] of Object.entries(JSON.parse(row))) {
          const text = Array.isArray(value) ? Buffer.from(value).toString() : String(value);
          texts.push(text);
          all.add(`${table}.${column}`);
          if (canariesIn(text).has(home.index)) marked.add(`${table}.${column}`);
        }
        const found = texts.flatMap((text) => scan.leaksIn(home.index, text));
        leaks.push(...found.map((leak) => `${home.index} ${table} ${leak}`));
      }
    }
  }
  const unmarked = [...all].filter((column) => !marked.has(column)).sort();
  return { leaks, marked: [...marked].sort(), unmarked };
}

function columns(table: string, names: string): string[] {
  return names.split(" ").map((name) => `${table}.${name}`);
}

/** Some of a list, none of them twice. */
function several<T>(from: readonly T[], count: number, pick: (from: readonly T[]) => T): T[] {
  const chosen = new Set<T>();
  while (chosen.size < count) chosen.add(pick(from));
  return [...chosen];
}
