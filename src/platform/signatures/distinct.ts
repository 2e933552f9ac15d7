/** What tells two deliveries of one service apart. */
import { signedContents } from "./content.ts";
import { SCHEMES } from "./schemes.ts";
import type { SignatureSettings } from "./settings.ts";
import type { SignedRequest } from "./verify.ts";

/**
 * The bytes that are the same in two deliveries of one event, and in which nobody without a secret
 * can change anything: the body, where the body itself is signed. Twilio signs what a form means and
 * not how it is written, so the body's bytes are anybody's to change; what was signed is not.
 */
export async function distinctContent(
  settings: SignatureSettings,
  { url, body }: Pick<SignedRequest, "url" | "body">,
): Promise<Uint8Array> {
  const scheme = SCHEMES[settings.scheme];
  if (scheme.content.includes("body")) return body;
  const notificationUrl = settings.notification_url;
  const [signed] = await signedContents(scheme, {
    id: "",
    timestamp: "",
    url,
    notificationUrl,
    body,
  });
  return signed ?? body;
}
