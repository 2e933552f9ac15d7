import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** The realm's own Ed25519 keys. The newest signs; older ones verify until `not_after`. */
export const signingKeys = sqliteTable("signing_keys", {
  kid: text("kid").primaryKey(),
  /** 1, 2, 3 ...: of two rotations at once, one wins. */
  generation: integer("generation").notNull().unique(),
  publicJwk: text("public_jwk", { mode: "json" }).$type<Record<string, string>>().notNull(),
  /** Private JWK, sealed for this realm and kid. */
  privateSealed: text("private_sealed").notNull(),
  createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
  /** Null for the newest. */
  notAfter: integer("not_after", { mode: "timestamp_ms" }),
});
