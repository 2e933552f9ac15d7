import type { z } from "zod";
import { currentSigner } from "../../platform/access/signing-key-store.ts";
import { signAccessToken } from "../../platform/access/tokens.ts";
import type { Ctx } from "../../platform/context.ts";
import type { Tokens } from "./auth.schemas.ts";

/** An access token for a session, and the refresh token that will follow it (RFC 6749, 5.1). */
export async function issueTokens(
  ctx: Ctx,
  session: { readonly id: string; readonly userId: string; readonly refreshToken: string },
): Promise<z.input<typeof Tokens>> {
  const signer = await currentSigner(ctx);
  const seconds = ctx.settings.ACCESS_TOKEN_SECONDS;
  const accessToken = await signAccessToken({
    kid: signer.kid,
    privateKey: signer.privateKey,
    origin: ctx.realm.origin,
    userId: session.userId,
    sessionId: session.id,
    seconds,
  });
  return {
    access_token: accessToken,
    token_type: "Bearer",
    expires_in: seconds,
    refresh_token: session.refreshToken,
  };
}
