import type { TenantCtx } from "../../platform/context.ts";
import { utf8 } from "../../platform/crypto/encoding.ts";
import { randomToken } from "../../platform/crypto/random.ts";
import { Failure } from "../../platform/problems.ts";
import { sampleBody, sign } from "../../platform/signatures/index.ts";
import { findWebhookService } from "../services/index.ts";
import { type Receipt, receive } from "./receive.service.ts";

/**
 * Signs a sample as the service would and sends it the whole way, verification included.
 * @throws Failure `not-found`, also for a service that sends no webhooks; what `receive` throws
 */
export async function sendTest(
  ctx: TenantCtx,
  slug: string,
  event: { readonly type: string; readonly data?: Readonly<Record<string, unknown>> | undefined },
): Promise<Receipt> {
  const service = await findWebhookService(ctx, slug);
  const secret = service?.secrets[0];
  if (!service || secret === undefined) throw new Failure("not-found");
  const id = `test_${randomToken()}`;
  // Of its own each time: some schemes tell events apart by their bodies alone.
  const sample = { id, type: event.type, data: event.data ?? { id, test: true } };
  const { body, contentType } = sampleBody(service.settings, sample);
  const bytes = utf8(body);
  const url = `${ctx.realm.origin}/api/v1/webhooks/${slug}`;
  const signed = await sign(
    service.settings,
    secret,
    { url, body: bytes, contentType, id, eventType: event.type },
    Date.now(),
  );
  const read = async (limit: number) => {
    if (bytes.byteLength <= limit) return bytes;
    throw new Failure("content-too-large", `The service sends at most ${limit} bytes.`);
  };
  return receive(ctx, slug, { ...signed, test: true, read });
}
