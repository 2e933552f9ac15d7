import { stopWranglers } from "./wrangler.ts";

/**
 * Runs a program that serves until it is told to stop, and takes along what it has started. With
 * `--end-with-parent` it also stops when the program that started it is gone: npm dies of a signal
 * without passing it on.
 *
 * @param serve returns, with a line for a person, when what it serves has ended by itself
 */
export async function stayUntilStopped(serve: () => Promise<string>): Promise<void> {
  let serving: Promise<string> | undefined;
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await stopWranglers();
    // It fails now, and tidies up behind itself.
    await serving?.catch(() => {});
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  if (process.argv.includes("--end-with-parent")) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && stop(), 500).unref();
  }
  try {
    serving = serve();
    const reason = await serving;
    if (!stopping) throw new Error(reason);
  } catch (error) {
    if (stopping) return;
    console.error((error as Error).message);
    await stopWranglers();
    process.exit(1);
  }
}
