import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { AssetManifest } from "./account.ts";
import { type Endpoint, endpoint, Fault } from "./endpoint.ts";

/** Static files of a Worker: a session says which are wanted, then those that are new are sent. */
export const ASSET_ENDPOINTS: readonly Endpoint[] = [
  endpoint("POST /accounts/:account/workers/scripts/:script/assets-upload-session", {
    body: z.strictObject({
      manifest: z.record(
        z.string().startsWith("/"),
        z.strictObject({ hash: z.string().regex(/^[0-9a-f]{32}$/), size: z.number().int() }),
      ),
    }),
    answer: (account, { body }) => {
      const jwt = unsigned({ session: randomUUID() });
      account.assetSessions.set(jwt, body.manifest as AssetManifest);
      const hashes = new Set(Object.values(body.manifest).map(({ hash }) => hash));
      const wanted = [...hashes].filter((hash) => !account.assets.has(hash));
      return { result: { jwt, buckets: wanted.length > 0 ? [wanted] : [] } };
    },
  }),
  endpoint("POST /accounts/:account/workers/assets/upload", {
    query: z.strictObject({ base64: z.literal("true") }),
    form: true,
    answer: async (account, { form, headers }) => {
      const jwt = (headers.authorization ?? "").replace(/^Bearer /, "");
      const manifest = account.assetSessions.get(jwt);
      if (!manifest) throw new Fault(403, 10_000, "Authentication error");
      for (const [hash, file] of form?.entries() ?? []) {
        const coded = typeof file === "string" ? file : await file.text();
        const type = typeof file === "string" ? "application/octet-stream" : file.type;
        account.assets.set(hash, { type, content: Buffer.from(coded, "base64") });
      }
      const missing = Object.values(manifest).some(({ hash }) => !account.assets.has(hash));
      return { result: missing ? {} : { jwt } };
    },
  }),
];

/** A token of the form that clients look into; nobody here checks a signature. */
function unsigned(claims: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part(claims)}.none`;
}
