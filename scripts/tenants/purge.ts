import { setTimeout as pause } from "node:timers/promises";
import type { OperatorsApi } from "../lib/operators-api.ts";
import { command, UsageError } from "./command.ts";
import { findTenant, type Tenant } from "./tenant.ts";
import { ask, canAsk } from "./terminal.ts";

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
    const now = flags.wait ? await whenPurged(api(), begun) : begun;
    output.show(
      now,
      now.state === "purged"
        ? `${now.slug} is purged.`
        : `${now.slug} is being purged; \`show ${now.slug}\` tells when it is.`,
    );
    return 0;
  },
});

async function whenPurged(api: OperatorsApi, begun: Tenant): Promise<Tenant> {
  let tenant = begun;
  while (tenant.state === "purging") {
    await pause(LOOK_MS);
    tenant = await api.call<Tenant>({ path: `/tenants/${begun.id}` });
  }
  return tenant;
}
