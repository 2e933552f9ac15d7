import { command } from "./command.ts";
import { findTenant } from "./tenant.ts";
import { table } from "./terminal.ts";

export const show = command({
  usage: "show SLUG",
  summary: "All that the registry says of a tenant",
  words: ["SLUG"],
  options: {},
  async run({ words, output, api }) {
    const { id } = await findTenant(api(), words.SLUG);
    const tenant = await api().call<Record<string, unknown>>({ path: `/tenants/${id}` });
    const rows = Object.entries(tenant).map(([name, value]) => [name, value]);
    output.show(tenant, table(["", ""], rows).trim());
    return 0;
  },
});
