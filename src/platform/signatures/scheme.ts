/**
 * What there is to say of one service's way of signing webhooks. A new service is a new row of
 * schemes.ts; the engine knows these columns and no names.
 */

/** A place in a request. A path of the body leads through objects, never through lists. */
export type Source = { readonly header: string } | { readonly body: readonly string[] };

/** How the header with the signatures is written. */
export interface SignatureForm {
  readonly header: string;
  /** Between the entries of a list; null where there is one signature and nothing else. */
  readonly separator: "," | ";" | " " | null;
  /** What stands before each signature, with the sign that ends it: "v1=". "" where nothing does. */
  readonly tag: string;
  /** The signature alone will do too. */
  readonly tagOptional?: true;
  /** Hexadecimal is lower case; "hex-any-case" is also all upper case, never mixed. */
  readonly encoding: "hex" | "hex-any-case" | "base64";
}

/** One piece of the signed bytes; several are joined without anything between them. */
export type ContentPart =
  | "id"
  | "timestamp"
  | "body"
  /** The URL as the caller reached it, or what `notification_url` makes of it. */
  | "url"
  /** `notification_url` and nothing of the request. */
  | "notification-url"
  /** The form's sorted names and values; nothing when the URL vouches for the body by its digest. */
  | "parameters"
  | { readonly literal: string };

export interface Clock {
  readonly format: "seconds" | "iso8601";
  /** How far the timestamp may be from now, before or after, when the settings do not say. */
  readonly toleranceSeconds: number;
  /**
   * A header of its own, or an entry among the signatures. "settings" is the header that the
   * settings name; without one there is no timestamp to check.
   */
  readonly at: { readonly header: string } | { readonly tag: string } | "settings";
}

export type SettableOption = "signature_header" | "timestamp_header" | "notification_url";

export interface Scheme {
  readonly signature: SignatureForm;
  readonly hash: "SHA-256" | "SHA-1";
  /** The key is the secret's UTF-8, or what its base64 (after "whsec_" or not) stands for. */
  readonly key: "text" | "base64";
  /** A timestamp that is not among the parts is unsigned: it may be absent, and proves nothing. */
  readonly content: readonly ContentPart[];
  readonly clock?: Clock;
  /** The header of the id that is among the signed parts. */
  readonly idHeader?: string;
  /** Where the event's id stands; the first that is there counts. */
  readonly id: readonly Source[];
  readonly type: {
    readonly sources: readonly Source[];
    /** Follows the type after a dot where it is there. */
    readonly suffix?: Source;
    readonly otherwise: string;
  };
  readonly format: "json" | "content-type";
  /** Options that the scheme knows. Naming any other is a fault. */
  readonly options: Readonly<Partial<Record<SettableOption, "optional" | "required">>>;
  readonly sample: {
    readonly contentType: "application/json" | "application/x-www-form-urlencoded";
    readonly fixed: Readonly<Record<string, unknown>>;
    /** Where the provider puts what the event is about; [] is the top. */
    readonly dataAt: readonly string[];
  };
  /** A payload whose text at `when` is `equals` wants the text at `answer` back. */
  readonly challenge?: {
    readonly when: readonly string[];
    readonly equals: string;
    readonly answer: readonly string[];
  };
}
