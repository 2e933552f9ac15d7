/** What of an OpenAPI 3.1 document would break clients of the one before. */
import { type Direction, list, outside, record, resolve } from "./openapi-schemas.ts";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/** Two versions of one part. */
interface Change {
  readonly place: string;
  readonly before: Record<string, unknown>;
  readonly after: Record<string, unknown>;
}

/**
 * The breaks, one line each. Requests that were valid must stay valid, answers must stay within what
 * was promised. New operations, optional parameters and properties break nobody, neither does an
 * error that is not met any more. A new value of an enum in an answer counts: generated clients
 * refuse what they do not know.
 */
export function breaksBetween(before: unknown, after: unknown): string[] {
  const lines: string[] = [];
  for (const [path, item] of Object.entries(record(record(before).paths))) {
    for (const method of METHODS.filter((name) => name in record(item))) {
      const place = `${method.toUpperCase()} ${path}`;
      const now = record(record(record(after).paths)[path])[method];
      if (now === undefined) {
        lines.push(`${place}: is gone`);
        continue;
      }
      const change = { place, before: record(record(item)[method]), after: record(now) };
      lines.push(...access(change), ...parameters(change), ...body(change), ...responses(change));
    }
  }
  return lines;

  function access({ place, before: a, after: b }: Change): string[] {
    const doors = b["x-doors"] ?? "both";
    return [
      ...(a.operationId === b.operationId
        ? []
        : [`${place}: operationId ${a.operationId} became ${b.operationId}`]),
      ...(isPublic(a, before) && !isPublic(b, after) ? [`${place}: now needs a credential`] : []),
      ...(doors === "both" || doors === a["x-doors"]
        ? []
        : [`${place}: is now on the ${doors} door only`]),
    ];
  }

  function parameters({ place, before: a, after: b }: Change): string[] {
    const [old, now] = [byName(a.parameters, before), byName(b.parameters, after)];
    const found: string[] = [];
    for (const [name, parameter] of old) {
      const successor = now.get(name);
      // Unknown query parameters are refused, so what is gone breaks whoever sends it.
      if (!successor) found.push(`${place}: parameter ${name} is gone`);
      else found.push(...within(parameter, successor, `${place}: parameter ${name}`, "request"));
    }
    for (const [name, parameter] of now) {
      if (parameter.required && !old.get(name)?.required)
        found.push(`${place}: parameter ${name} must now be sent`);
    }
    return found;
  }

  function body({ place, before: a, after: b }: Change): string[] {
    const [old, now] = [
      record(resolve(a.requestBody, before)),
      record(resolve(b.requestBody, after)),
    ];
    const at = `${place}: request`;
    if (now.required && !old.required) return [`${at}: a body must now be sent`];
    return contents(old.content, now.content, at, "request");
  }

  function responses({ place, before: a, after: b }: Change): string[] {
    const now = record(b.responses);
    return Object.entries(record(a.responses)).flatMap(([status, response]) => {
      const at = `${place}: ${status}`;
      if (!(status in now)) return /^[123]/.test(status) ? [`${at}: is gone`] : [];
      const [x, y] = [record(resolve(response, before)), record(resolve(now[status], after))];
      const headers = Object.keys(record(x.headers)).filter((name) => !(name in record(y.headers)));
      return [
        ...headers.map((name) => `${at}: header ${name} is gone`),
        ...contents(x.content, y.content, at, "response"),
      ];
    });
  }

  function contents(old: unknown, now: unknown, at: string, direction: Direction): string[] {
    return Object.entries(record(old)).flatMap(([type, media]) => {
      const successor = record(now)[type];
      if (successor === undefined) return [`${at}: ${type} is gone`];
      return within(record(media), record(successor), at, direction);
    });
  }

  function within(
    old: Record<string, unknown>,
    now: Record<string, unknown>,
    at: string,
    direction: Direction,
  ): string[] {
    const was = { schema: old.schema ?? {}, document: before };
    const is = { schema: now.schema ?? {}, document: after };
    return direction === "request"
      ? outside(was, is, at, direction)
      : outside(is, was, at, direction);
  }
}

function isPublic(operation: Record<string, unknown>, document: unknown): boolean {
  const schemes = list(operation.security ?? record(document).security);
  return schemes.length === 0 || schemes.some((one) => Object.keys(record(one)).length === 0);
}

/** Parameters by place and name; headers know no case. */
function byName(parameters: unknown, document: unknown): Map<string, Record<string, unknown>> {
  return new Map(
    list(parameters).map((entry) => {
      const parameter = record(resolve(entry, document));
      const name = String(parameter.name);
      const key = parameter.in === "header" ? name.toLowerCase() : name;
      return [`${key} (${parameter.in})`, parameter] as const;
    }),
  );
}
