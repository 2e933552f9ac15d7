import type { z } from "zod";
import { protectPassword, requireGoodPassword } from "../../platform/access/passwords.ts";
import type { PlatformCtx, SignedIn } from "../../platform/context.ts";
import { sha256Hex } from "../../platform/crypto/digest.ts";
import { fingerprint } from "../../platform/crypto/fingerprint.ts";
import { randomToken } from "../../platform/crypto/random.ts";
import { newId } from "../../platform/ids.ts";
import { networkOf } from "../../platform/network.ts";
import { Failure } from "../../platform/problems.ts";
import {
  chooseCell,
  claimTenant,
  commit,
  enterTenant,
  isReservedSlug,
  provisionTenant,
  type Step,
  tenantOrigin,
} from "../../platform/tenancy/index.ts";
import { type Entry, enter } from "../auth/index.ts";
import { newUser, type UserRow } from "../users/index.ts";
import {
  countRegistration,
  insertInvitation,
  readAdmission,
  slugExists,
  sweepCounts,
  useInvitation,
} from "./registration.repository.ts";
import type { Registration, TenantSummary } from "./registration.schemas.ts";
import { sealSeed, seedTenant } from "./seed.ts";

type Input = z.output<typeof Registration>;

/** A tenant that is usable, with the admin it began with. */
export interface NewTenant {
  readonly tenant: z.input<typeof TenantSummary>;
  readonly admin: UserRow;
}

export interface Registered {
  readonly tenant: z.input<typeof TenantSummary>;
  readonly entry: Entry;
}

const EVERYBODY = "*";
const DAY_MS = 86_400_000;

/**
 * Registers a company: slug, database, keys and admin, who is signed in. The tenant is usable when
 * this returns.
 * @throws Failure `registration-closed`, `invalid-invitation`, `registration-limit`,
 * `slug-reserved`, `slug-taken`, `pool-exhausted`, `misdirected`, `validation-failed`, `overloaded`
 */
export async function register(ctx: PlatformCtx, input: Input): Promise<Registered> {
  requireUsable(input);
  const { tenant, admin } = await build(ctx, input, await admit(ctx, input));
  return { tenant, entry: await enter(await enterTenant(ctx, input.slug), admin) };
}

/**
 * Creates a tenant for an operator: no cap, no invitation, and nobody is signed in.
 * @throws Failure `slug-reserved`, `slug-taken`, `pool-exhausted`, `misdirected`, `validation-failed`,
 * `overloaded`
 */
export async function createTenant(ctx: PlatformCtx, input: Input): Promise<NewTenant> {
  requireUsable(input);
  // The claim decides; this only spares the loser a hash.
  if (await slugExists(ctx.db, input.slug)) throw new Failure("slug-taken");
  return build(ctx, input, () => []);
}

/** @throws Failure `slug-reserved`, `validation-failed` for a weak password */
function requireUsable(input: Input): void {
  if (isReservedSlug(input.slug)) throw new Failure("slug-reserved");
  requireGoodPassword(input.admin_password, input.admin_email, "/admin_password");
}

/** Claims slug and database and fills it, for whoever has been admitted. */
async function build(
  ctx: PlatformCtx,
  input: Input,
  guards: (tenantId: string) => readonly Step[],
): Promise<NewTenant> {
  const region = input.region ?? null;
  await chooseCell(ctx, region);
  const person = {
    email: input.admin_email,
    first_name: input.admin_first_name,
    last_name: input.admin_last_name,
  };
  const admin = newUser(
    { ...person, role: "admin" },
    await protectPassword(ctx, input.admin_password),
  );
  const id = newId("tenant");
  const pendingSeed = await sealSeed(ctx, id, {
    tenantName: input.company_name,
    admin: {
      ...person,
      id: admin.id,
      passwordHash: admin.passwordHash,
      createdAt: admin.createdAt.getTime(),
    },
  });
  await claimTenant(
    ctx,
    { id, slug: input.slug, name: input.company_name, pendingSeed, region },
    guards(id),
    [{ action: "tenant.claimed", target: id, details: { slug: input.slug } }],
  );
  await provisionTenant(ctx, id, seedTenant);
  const tenant = {
    id,
    slug: input.slug,
    name: input.company_name,
    url: tenantOrigin(input.slug, ctx.settings.BASE_URL),
    status: "active",
  } as const;
  return { tenant, admin };
}

/**
 * Makes an invitation.
 * @returns the token, which only its holder has from now on
 */
export async function invite(ctx: SignedIn<PlatformCtx>, days: number) {
  const id = newId("invitation");
  const token = `rwi_${randomToken()}`;
  const expiresAt = new Date(Date.now() + days * DAY_MS);
  const row = { id, hash: await sha256Hex(token), createdAt: new Date(), expiresAt };
  await commit(
    ctx,
    [insertInvitation(row)],
    [{ action: "invitation.created", target: id, details: { expires_at: expiresAt } }],
  );
  return { id, token, expiresAt };
}

/**
 * Refuses whom the limits refuse, before a hash is spent on them.
 * @returns what has to hold, in the claim's own commit, for this caller to register: of many at
 * once, that one is the judge
 */
async function admit(
  ctx: PlatformCtx,
  input: Input,
): Promise<(tenantId: string) => readonly Step[]> {
  const { REGISTRATION, REGISTRATIONS_PER_DAY, REGISTRATIONS_PER_IP_PER_DAY } = ctx.settings;
  if (REGISTRATION === "closed") throw new Failure("registration-closed");
  if (REGISTRATION === "invite" && input.invitation === undefined) {
    throw new Failure("invalid-invitation", "Registration is by invitation.");
  }
  const invitation = input.invitation === undefined ? null : await sha256Hex(input.invitation);
  const day = new Date().toISOString().slice(0, 10);
  const source = await fingerprint(
    ctx.settings.MASTER_KEY,
    { realm: ctx.realm.id, purpose: "registration-source" },
    networkOf(ctx.request.ip),
  );
  const asked = { day, source, everybody: EVERYBODY, invitation, slug: input.slug };
  const { ofSource, ofAll, invited, slugTaken } = await readAdmission(ctx.db, asked);
  if (ofSource >= REGISTRATIONS_PER_IP_PER_DAY || ofAll >= REGISTRATIONS_PER_DAY) {
    throw new Failure("registration-limit");
  }
  if (invitation !== null && !invited) throw new Failure("invalid-invitation");
  if (slugTaken) throw new Failure("slug-taken");
  return (tenantId) => [
    countRegistration(day, source, REGISTRATIONS_PER_IP_PER_DAY, "source"),
    countRegistration(day, EVERYBODY, REGISTRATIONS_PER_DAY, "all"),
    sweepCounts(day),
    ...(invitation === null ? [] : [useInvitation(invitation, tenantId)]),
  ];
}
