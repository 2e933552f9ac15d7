import { fromUtf8, utf8 } from "../../platform/crypto/encoding.ts";
import { readPayload } from "./payload.ts";
import type { PayloadKind } from "./webhooks.tables.ts";

/** A body as it is kept: text where UTF-8 gives the same bytes back, else bytes. */
export interface StoredPayload {
  readonly kind: PayloadKind;
  readonly text: string | null;
  readonly bytes?: Uint8Array | null;
}

/**
 * What a stored body says: a JSON value, a form's fields, or undefined where it is neither. JSON was
 * checked when it was received; what a later release would turn away is not to fail for that.
 */
export function readStored({ kind, text, bytes }: StoredPayload): unknown {
  const whole = bytes ?? new Uint8Array();
  if (kind === "json") return JSON.parse(text ?? fromUtf8(whole));
  return readPayload(kind, text === null ? whole : utf8(text));
}
