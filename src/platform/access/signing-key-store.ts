import { desc, eq, gt, isNull, or, sql } from "drizzle-orm";
import type { Ctx } from "../context.ts";
import { open, seal } from "../crypto/envelope.ts";
import { importPrivate, newSigningKey } from "../crypto/signing-keys.ts";
import { createLru } from "../lru.ts";
import { Failure } from "../problems.ts";
import { commitAside, realm, type Step, write } from "../tenancy/index.ts";
import { signingKeys } from "./access.tables.ts";

/** How long an isolate signs with a key before it looks for a newer one, in ms. */
const KEPT_MS = 60_000;
/**
 * How long an old key must verify, in ms: the longest life of an access token, and the time in
 * which another isolate may still sign with it.
 */
const OVERLAP_MS = 86_400_000 + KEPT_MS;

interface Signer {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly until: number;
}

const signers = createLru<Signer>(1_000);

/** The key that signs now. One that has served its time is followed by a new one first. */
export async function currentSigner(ctx: Ctx): Promise<Signer> {
  const seen = signers.get(ctx.realm.id);
  if (seen && Date.now() < seen.until) return seen;
  const newest = await newestKey(ctx);
  if (!newest || isOld(ctx, newest)) {
    await rotate(ctx, newest?.generation ?? 0);
    return currentSigner(ctx);
  }
  const sealContext = sealContextOf(ctx.realm.id, newest.kid);
  const json = await open(ctx.settings.MASTER_KEY, sealContext, newest.privateSealed);
  const signer = {
    kid: newest.kid,
    privateKey: await importPrivate(json),
    until: Date.now() + KEPT_MS,
  };
  signers.set(ctx.realm.id, signer);
  return signer;
}

/** Gives a key that has served its time its successor, though nobody may sign in for long. */
export async function rotateOldKey(ctx: Ctx): Promise<void> {
  const newest = await newestKey(ctx);
  if (newest && isOld(ctx, newest)) await rotate(ctx, newest.generation);
}

function isOld(ctx: Ctx, { createdAt }: { readonly createdAt: Date }): boolean {
  return Date.now() - createdAt.getTime() > ctx.settings.SIGNING_KEY_SECONDS * 1_000;
}

/**
 * Public keys that verify the realm's tokens now, newest first (RFC 7517).
 * @throws Error when the database is not the realm's
 */
export async function publicKeys(ctx: Ctx): Promise<Record<string, string>[]> {
  const valid = or(isNull(signingKeys.notAfter), gt(signingKeys.notAfter, new Date()));
  const rows = await ctx.db.read((reader) =>
    reader
      .select({ publicJwk: signingKeys.publicJwk })
      .from(realm)
      .leftJoin(signingKeys, valid)
      .where(eq(realm.id, ctx.realm.id))
      .orderBy(desc(signingKeys.generation)),
  );
  requireRealm(ctx, rows);
  return rows.flatMap(({ publicJwk }) => (publicJwk ? [publicJwk] : []));
}

/** The step that gives a realm its key of this generation, and the key's id. */
export async function signingKeyStep(ctx: Ctx, generation: number): Promise<[string, Step]> {
  const key = await newSigningKey();
  const sealContext = sealContextOf(ctx.realm.id, key.kid);
  const statement = write.insert(signingKeys).values({
    kid: key.kid,
    generation,
    publicJwk: key.publicJwk as Record<string, string>,
    privateSealed: await seal(ctx.settings.MASTER_KEY, sealContext, key.privateJwk),
    createdAt: new Date(),
  });
  const taken = { "signing_keys.generation": "conflict" } as const;
  return [key.kid, { statement, expect: 1, as: "signing_keys.add", taken }];
}

/** Adds the next generation and lets the one before run out. Of two at once, one wins. */
async function rotate(ctx: Ctx, generation: number): Promise<void> {
  const [kid, add] = await signingKeyStep(ctx, generation + 1);
  const retire: Step = {
    statement: write
      .update(signingKeys)
      .set({ notAfter: new Date(Date.now() + OVERLAP_MS) })
      .where(eq(signingKeys.generation, generation)),
    expect: "any",
    as: "signing_keys.retire",
  };
  const principal = { kind: "job", name: "signing-key-rotation" } as const;
  try {
    await commitAside(
      { ...ctx, principal },
      [add, retire],
      [{ action: "signing_key.rotated", target: kid, details: { generation: generation + 1 } }],
    );
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "conflict") throw error;
  }
}

async function newestKey(ctx: Ctx) {
  const rows = await ctx.db.read(
    (reader) =>
      reader
        .select({ key: signingKeys })
        .from(realm)
        .leftJoin(signingKeys, sql`true`)
        .where(eq(realm.id, ctx.realm.id))
        .orderBy(desc(signingKeys.generation))
        .limit(1),
    "primary",
  );
  requireRealm(ctx, rows);
  return rows[0]?.key;
}

/** The realm's own row is read with its keys: a database that lacks it is somebody else's. */
function requireRealm(ctx: Ctx, rows: readonly unknown[]): void {
  if (rows.length === 0) throw new Error(`The database of ${ctx.realm.id} has not its realm row.`);
}

function sealContextOf(realmId: string, row: string) {
  return { realm: realmId, purpose: "signing-key", row };
}
