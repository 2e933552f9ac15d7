/** One JSON line per event. Bodies, tokens and passwords have no place in `fields`. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds these fields to each of its lines. */
  with(fields: Fields): Logger;
}

export type Fields = Readonly<Record<string, unknown>>;

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
type Level = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** Lines below this level are not written. */
  readonly level?: Level;
  /** Off only in the log scan, which proves that it would have found a leak. */
  readonly redaction?: boolean;
  readonly write?: (level: Level, line: string) => void;
}

export function createLogger(options: LoggerOptions = {}, base: Fields = {}): Logger {
  const { level: floor = "info", redaction = true, write = writeLine } = options;
  const log =
    (level: Level) =>
    (message: string, fields: Fields = {}) => {
      if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(floor)) return;
      const start = { time: new Date().toISOString(), level, message, ...base };
      write(level, stringify({ ...start, ...fields }, redaction) ?? JSON.stringify(start));
    };
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    with: (fields) => createLogger(options, { ...base, ...fields }),
  };
}

/** The error as log fields: name, message, stack and causes; never part of an answer. */
export function errorFields(error: unknown): Fields {
  if (!(error instanceof Error)) return { error: String(error) };
  return {
    error: `${error.name}: ${error.message}`,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: errorFields(error.cause) }),
  };
}

/** Null when it cannot be said in JSON, such as a body nested too deep: no log fails a request. */
function stringify(line: Fields, redaction: boolean): string | null {
  try {
    return JSON.stringify(line, redaction ? redact : undefined);
  } catch {
    return null;
  }
}

function writeLine(level: Level, line: string): void {
  console[level](line);
}

/**
 * Names that hold secrets by convention, and shapes that secrets have: JWTs, webhook secrets, our
 * refresh and device tokens, tickets, bearer headers. A net under code that should not log them in the first place.
 */
const SECRET_NAME = /password|secret|token|authorization|^auth$|master_key|private/i;
const SECRET_SHAPE =
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*|\bwhsec_[\w+/=-]+|\brw[rdit]_[\w-]{20,}|\bBearer\s+\S+|\$(?:scrypt|2[aby])\$\S+/g;

function redact(name: string, value: unknown): unknown {
  // Whatever stands there: a password in a list is one too.
  if (SECRET_NAME.test(name) && value !== null && value !== undefined) return "[redacted]";
  return typeof value === "string" ? value.replace(SECRET_SHAPE, "[redacted]") : value;
}
