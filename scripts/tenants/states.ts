import type { Call as ApiCall } from "../lib/operators-api.ts";
import { command } from "./command.ts";
import { findTenant, type Tenant } from "./tenant.ts";

export const suspend = moving("suspend", "Close a tenant's door; its webhooks are held", (id) => ({
  method: "POST",
  path: `/tenants/${id}/suspend`,
}));

export const activate = moving("activate", "Open a tenant's door again", (id) => ({
  method: "POST",
  path: `/tenants/${id}/activate`,
}));

export const deactivate = moving(
  "deactivate",
  "Close a tenant's door; `activate` opens it again within the grace period, and its data is kept",
  (id) => ({ method: "DELETE", path: `/tenants/${id}` }),
);

/** A command that takes a tenant to another state. */
function moving(name: string, summary: string, call: (id: string) => ApiCall) {
  return command({
    usage: `${name} SLUG`,
    summary,
    words: ["SLUG"],
    options: {},
    async run({ words, output, api }) {
      const { id } = await findTenant(api(), words.SLUG);
      await api().call(call(id));
      const tenant = await api().call<Tenant>({ path: `/tenants/${id}` });
      output.show(tenant, `${tenant.slug} is ${tenant.state}.`);
      return 0;
    },
  });
}
