import { command } from "./command.ts";
import type { Tenant } from "./tenant.ts";
import { table } from "./terminal.ts";

export const list = command({
  usage: "list [--state STATE]",
  summary: "All tenants, or those in a state; with --json a line of JSON for each",
  words: [],
  options: { state: { type: "string" } },
  async run({ flags, output, api }) {
    const query = flags.state === undefined ? "" : `?state=${encodeURIComponent(flags.state)}`;
    const tenants: Tenant[] = [];
    for await (const tenant of api().list<Tenant>(`/tenants${query}`)) {
      if (output.isJson) output.show(tenant, "");
      else tenants.push(tenant);
    }
    if (output.isJson) return 0;
    const rows = tenants.map(({ slug, state, plan, cell, region, created_at }) => {
      return [slug, state, plan, cell, region, created_at.slice(0, 10)];
    });
    output.say(table(["SLUG", "STATE", "PLAN", "CELL", "REGION", "SINCE"], rows));
    return 0;
  },
});
