import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import chromium from "@sparticuz/chromium";
import { type BrowserContext, chromium as driver } from "playwright-core";

/** A browser from npm, unpacked for this test alone. */
export interface Browser {
  /** Opens it; what it stores stays in the profile, as a person's would. */
  open(profile: string): Promise<BrowserContext>;
  /** Deletes what was unpacked. */
  remove(): Promise<void>;
}

/** Root needs no sandbox; and the browser itself shall call nobody. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

export async function unpackBrowser(): Promise<Browser> {
  const home = await mkdtemp(join(tmpdir(), "rowhouse-browser-"));
  // It unpacks into the temporary directory, and takes whatever file has its name there, even half
  // of one that another run left.
  const usual = process.env.TMPDIR;
  process.env.TMPDIR = home;
  const executablePath = await chromium.executablePath().finally(() => {
    if (usual === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = usual;
  });
  return {
    open: (profile) =>
      driver.launchPersistentContext(profile, {
        executablePath,
        headless: true,
        viewport: { width: 1360, height: 860 },
        args: FLAGS,
      }),
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
