import { setTimeout as pause } from "node:timers/promises";
import type { OperatorsApi } from "../lib/operators-api.ts";
import { command, UsageError } from "./command.ts";
import { findTenant, type Tenant } from "./tenant.ts";
import { ask, canAsk, type Output } from "./terminal.ts";

/** How often it is looked whether all is erased, in ms. */
const LOOK_MS = 2_000;

export const purge = command({
  usage: "purge SLUG [--yes SLUG] [--wait]",
  summary: "Erase a tenant's data for good, after its grace period; asks for the slug again",
  words: ["SLUG"],
  options: { yes: { type: "string" }, wait: { type: "boolean" } },
  async run({ words, flags, terminal, output, api }) {
    if (flags.yes === undefined && !canAsk(terminal)) {
      throw new UsageError("Without a terminal it needs --yes with the slug spelled again.");
    }
    const tenant = await findTenant(api(), words.SLUG);
    const spelled =
      flags.yes ??
      (await ask(
        terminal,
        `All data of "${tenant.name}" (${tenant.url}) will be erased. Its slug, to confirm: `,
      ));
    if (spelled !== tenant.slug) {
      throw new Error(`That is not "${tenant.slug}": nothing was changed.`);
    }
    const begun = await api().call<Tenant>({
      method: "POST",
      path: `/tenants/${tenant.id}/purge`,
      body: { slug: spelled },
    });
    const now = flags.wait ? await whenPurged(api(), begun, output) : begun;
    output.show(
      now,
      now.state === "purged"
        ? `${now.slug} is purged.`
        : `${now.slug} is being purged; \`show ${now.slug}\` tells when it is.`,
    );
    return 0;
  },
});

/** Its cell's schedule erases a part each minute; how much is left, nobody counts. */
export async function whenPurged(
  api: Pick<OperatorsApi, "call">,
  begun: Tenant,
  output: Pick<Output, "progress">,
  lookMs = LOOK_MS,
): Promise<Tenant> {
  const progress = output.progress(`Erasing ${begun.slug}, a part each minute; seconds`);
  const since = Date.now();
  let tenant = begun;
  try {
    while (tenant.state === "purging") {
      progress.to(Math.round((Date.now() - since) / 1_000));
      await pause(lookMs);
      tenant = await api.call<Tenant>({ path: `/tenants/${begun.id}` });
    }
  } finally {
    progress.end();
  }
  return tenant;
}
