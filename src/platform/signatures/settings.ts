/** How one service signs, as its owner says it, and whether that can work. */
import { headerNameFault, isSameHeader } from "./header-name.ts";
import { keyBytes } from "./key.ts";
import type { Scheme, SettableOption } from "./scheme.ts";
import { SCHEMES, type SchemeName } from "./schemes.ts";

/** How one service signs. Header names and the tolerance default to the scheme's own. */
export interface SignatureSettings {
  readonly scheme: SchemeName;
  /** How far a timestamp may be from now, both ways; 300, with Paddle 5. */
  readonly tolerance_seconds?: number;
  /** Of hmac-body: the header with the signature; X-Signature. */
  readonly signature_header?: string;
  /** Of hmac-body: a header with an ISO 8601 time, checked where it is sent. None is read unnamed. */
  readonly timestamp_header?: string;
  /** The URL that the provider was told: Square always, Twilio where a proxy changes it. */
  readonly notification_url?: string;
}

export interface SettingsFault {
  readonly option: keyof SignatureSettings | `secrets/${number}`;
  readonly message: string;
}

const OPTIONS: readonly SettableOption[] = [
  "signature_header",
  "timestamp_header",
  "notification_url",
];
// Signed as it is written, so what a URL parser would repair is a fault.
const HTTP_URL = /^https?:\/\/[^\s#]+$/;

const VALUE_FAULTS: Readonly<Record<SettableOption, (value: string) => string | null>> = {
  signature_header: headerNameFault,
  timestamp_header: headerNameFault,
  notification_url: (value) =>
    HTTP_URL.test(value) && URL.canParse(value)
      ? null
      : "must be an http or https URL without a fragment, exactly as the provider was told it",
};

/**
 * Why `settings` cannot work, with the option at fault; empty when they can. Secrets are looked at
 * where they are given; none of them is repeated in a message.
 */
export function settingsFaults(
  settings: SignatureSettings,
  secrets: readonly string[] = [],
): readonly SettingsFault[] {
  const scheme = SCHEMES[settings.scheme];
  const faults: SettingsFault[] = [];
  for (const option of OPTIONS) {
    const message = optionFault(scheme, settings, option);
    if (message !== null) faults.push({ option, message });
  }
  const tolerance = toleranceFault(scheme, settings);
  if (tolerance !== null) faults.push({ option: "tolerance_seconds", message: tolerance });
  secrets.forEach((secret, index) => {
    if (keyBytes(scheme, secret) !== null) return;
    faults.push({ option: `secrets/${index}`, message: SECRET_FAULTS[scheme.key] });
  });
  return faults;
}

/** The header with the signatures. */
export function signatureHeaderOf({ signature }: Scheme, settings: SignatureSettings): string {
  return settings.signature_header ?? signature.header;
}

/** The header with the timestamp; undefined when there is none to look at. */
export function timestampHeaderOf(
  { clock }: Scheme,
  settings: SignatureSettings,
): string | undefined {
  if (settings.timestamp_header !== undefined) return settings.timestamp_header;
  return typeof clock?.at === "object" && "header" in clock.at ? clock.at.header : undefined;
}

const SECRET_FAULTS: Readonly<Record<Scheme["key"], string>> = {
  text: "must not be empty",
  base64: 'must be base64, with or without "whsec_" before it, of at least one byte',
};

function optionFault(
  scheme: Scheme,
  settings: SignatureSettings,
  option: SettableOption,
): string | null {
  const value = settings[option];
  const rule = scheme.options[option];
  if (value === undefined) {
    return rule === "required" ? `is needed by the scheme ${settings.scheme}` : null;
  }
  if (rule === undefined) return `is no option of the scheme ${settings.scheme}`;
  const signatureHeader = signatureHeaderOf(scheme, settings);
  if (option === "timestamp_header" && isSameHeader(value, signatureHeader)) {
    return "must be another header than that of the signature";
  }
  return VALUE_FAULTS[option](value);
}

function toleranceFault({ clock }: Scheme, settings: SignatureSettings): string | null {
  const { scheme, tolerance_seconds: tolerance, timestamp_header: header } = settings;
  if (tolerance === undefined) return null;
  if (clock === undefined) return `is no option of the scheme ${scheme}`;
  if (clock.at === "settings" && header === undefined) {
    return "needs timestamp_header, without which no time is looked at";
  }
  const usable = Number.isSafeInteger(tolerance) && tolerance >= 0;
  return usable ? null : "must be a whole number, 0 or more";
}
