import type { WebhookSettings } from "./services.schemas.ts";

// User and password as a URL parser finds them: to it a backslash is a slash, and three are two.
const USERINFO = /^(https?:[/\\]*)([^/\\?#]*)@/i;
const MASK = "***";

/** Settings as people may see them: providers are given URLs with passwords, and sign these. */
export function shownSettings(settings: WebhookSettings): WebhookSettings {
  const { notification_url: url } = settings;
  return url === undefined ? settings : { ...settings, notification_url: masked(url) };
}

/** Settings that came in: a URL that is sent as it was shown stands for the one that is stored. */
export function unmaskedSettings(
  settings: WebhookSettings,
  stored: WebhookSettings | null,
): WebhookSettings {
  const url = stored?.notification_url;
  if (url === undefined || settings.notification_url !== masked(url)) return settings;
  return { ...settings, notification_url: url };
}

/** Whether user and password are those of nobody, but what stands in their place. */
export function isMasked({ notification_url: url }: WebhookSettings): boolean {
  return url !== undefined && USERINFO.exec(url)?.[2] === MASK;
}

function masked(url: string): string {
  return url.replace(USERINFO, `$1${MASK}@`);
}
