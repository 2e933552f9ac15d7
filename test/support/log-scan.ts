/** Starts every password and secret that tests plant, so that a leak is found wherever it is. */
export const CANARY = "canary-secret";

/** The test settings' master key: see vitest.config.ts. */
const MASTER_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

const SECRETS = [
  new RegExp(CANARY),
  new RegExp(btoa(CANARY.slice(0, 12))), // the same in base64, as secrets of webhooks are written
  new RegExp(MASTER_KEY),
  /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/, // a JWT
  /\brw[rdit]_[\w-]{20,}/, // a refresh token, device token, invitation or ticket
  /\$scrypt\$ln=\d+,r=\d+,p=\d+\$\S+/,
];

/**
 * Lines that hold something secret.
 *
 * @param planted what else must not be seen, letter by letter
 */
export function leaksIn(lines: readonly string[], planted: readonly string[] = []): string[] {
  return lines.filter(
    (line) =>
      SECRETS.some((secret) => secret.test(line)) || planted.some((text) => line.includes(text)),
  );
}

/** Taken before anybody collects: files that share an isolate take over from each other. */
const print = console.log.bind(console);

/** Log lines shown when a test fails. */
const RECENT = 20;

/**
 * Collects what the Worker logs instead of printing it: the Worker shares the test's isolate, and
 * so its console.
 */
export function startLogScan() {
  const lines: string[] = [];
  for (const level of ["debug", "info", "warn", "error"] as const) {
    console[level] = (...parts: unknown[]) => {
      lines.push(parts.map(String).join(" "));
    };
  }
  // Shown as well: the seeds of random tests are printed with it.
  console.log = (...parts: unknown[]) => {
    lines.push(parts.map(String).join(" "));
    print(...parts);
  };
  return {
    lines: lines as readonly string[],
    showRecent: () => print(lines.slice(-RECENT).join("\n")),
  };
}
