import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ROOT } from "./paths.ts";

interface Problem {
  ruleId: string;
  severity: string;
  message: string;
  location: { pointer?: string }[];
}

/**
 * What Redocly's rules (redocly.yaml) find in a document: errors and warnings, one line each.
 *
 * @throws Error when Redocly itself does not run
 */
export function lint(file: string): string[] {
  const cli = fileURLToPath(import.meta.resolve("@redocly/cli/bin/cli.js"));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [cli, "lint", file, "--format=json", "--max-problems=100"],
    {
      cwd: ROOT,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      // It would report and look for updates.
      env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    },
  );
  const start = stdout.indexOf("{");
  if (start < 0) throw new Error(`Redocly did not run:\n${stdout}${stderr}`);
  const { problems } = JSON.parse(stdout.slice(start)) as { problems: Problem[] };
  return problems.map(
    ({ severity, ruleId, message, location }) =>
      `${severity} ${ruleId}: ${message} (${location[0]?.pointer ?? "?"})`,
  );
}
