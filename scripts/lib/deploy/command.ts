import { stopWranglers } from "../wrangler.ts";

/**
 * Runs a command to its end: what goes wrong is a sentence, and exit code 1. Ctrl-C, or a workflow that is
 * cancelled, ends wrangler as well, which else would go on deploying by itself.
 */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, async () => {
      await stopWranglers();
      console.error("Broken off. The same command again takes it up.");
      process.exit(130);
    });
  }
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
