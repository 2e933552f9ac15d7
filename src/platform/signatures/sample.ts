/** Bodies such as providers send, for trying out a service. */
import { typeAndSuffix } from "./event-type.ts";
import type { Scheme, Source } from "./scheme.ts";
import { SCHEMES } from "./schemes.ts";
import type { SignatureSettings } from "./settings.ts";

type Json = Readonly<Record<string, unknown>>;

export interface SampleEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Json;
}

const WRITERS: Readonly<Record<Scheme["sample"]["contentType"], (body: Json) => string>> = {
  "application/json": (body) => JSON.stringify(body),
  "application/x-www-form-urlencoded": (body) => {
    const fields = Object.entries(body).map(([name, value]): [string, string] => [
      name,
      typeof value === "string" ? value : (JSON.stringify(value) ?? ""),
    ]);
    return new URLSearchParams(fields).toString();
  },
};

/** A body in which `identify` finds the event's id and type, unless the scheme has them in headers. */
export function sampleBody(
  settings: SignatureSettings,
  event: SampleEvent,
): { readonly body: string; readonly contentType: string } {
  const scheme = SCHEMES[settings.scheme];
  const { fixed, dataAt, contentType } = scheme.sample;
  const { type, suffix } = typeAndSuffix(scheme, event.type);
  let body = withValue(fixed, dataAt, event.data);
  body = withFirst(body, scheme.type.sources, type);
  // What the data say there would be read as a part of the type.
  if (scheme.type.suffix !== undefined) {
    body = withFirst(body, [scheme.type.suffix], suffix ?? undefined);
  }
  body = withFirst(body, scheme.id, event.id);
  return { body: WRITERS[contentType](body), contentType };
}

/** Sets the place that is read first; nothing where that is a header. */
function withFirst(body: Json, [source]: readonly Source[], value: string | undefined): Json {
  return source !== undefined && "body" in source ? withValue(body, source.body, value) : body;
}

/** A copy with `value` at `path`; at the top, its properties are added. */
function withValue(object: Json, [key, ...rest]: readonly string[], value: unknown): Json {
  if (key === undefined) return { ...object, ...(value as Json) };
  const inner = object[key];
  const child = typeof inner === "object" && inner !== null ? (inner as Json) : {};
  return { ...object, [key]: rest.length === 0 ? value : withValue(child, rest, value) };
}
