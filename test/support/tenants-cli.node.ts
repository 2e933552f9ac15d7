import { PassThrough } from "node:stream";
import { main } from "../../scripts/tenants/main.ts";

/** What a run of the command line came to. */
export interface CliRun {
  /** What the process would have ended with. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** What stands on standard input. */
  readonly input?: string;
  /** Somebody sits there and types this. */
  readonly typed?: string;
}

/** Runs `npm run tenants` in this process: a start of Node costs more than most commands. */
export async function tenantsCli(
  args: readonly string[],
  { env = {}, input = "", typed }: CliOptions = {},
): Promise<CliRun> {
  const isTTY = typed !== undefined;
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const texts = { stdout: "", stderr: "" };
  stdout.on("data", (chunk) => {
    texts.stdout += chunk;
  });
  stderr.on("data", (chunk) => {
    texts.stderr += chunk;
    // A person answers once there is a question.
    if (isTTY && /: $/.test(texts.stderr)) stdin.write(`${typed}\n`);
  });
  if (!isTTY) stdin.end(input);
  const terminal = {
    input: Object.assign(stdin, { isTTY }),
    output: stdout,
    errors: Object.assign(stderr, { isTTY }),
  };
  return { status: await main(args, terminal, env), ...texts };
}
