import { text } from "node:stream/consumers";
import { randomToken } from "../../src/platform/crypto/random.ts";
import { command, UsageError } from "./command.ts";
import type { Tenant } from "./tenant.ts";

export const create = command({
  usage:
    "create SLUG --name NAME --admin-email EMAIL [--admin-name NAME] [--admin-password-stdin] [--region eu|us]",
  summary: "A new tenant with its admin, whose password is made and shown once unless it is given",
  words: ["SLUG"],
  options: {
    name: { type: "string" },
    "admin-email": { type: "string" },
    "admin-name": { type: "string", default: "Tenant Admin" },
    "admin-password-stdin": { type: "boolean" },
    region: { type: "string" },
  },
  async run({ words, flags, terminal, output, api }) {
    if (!flags.name || !flags["admin-email"]) {
      throw new UsageError("It needs --name and --admin-email.");
    }
    const isGiven = flags["admin-password-stdin"] === true;
    const password = isGiven ? (await text(terminal.input)).replace(/\r?\n$/, "") : randomToken();
    const tenant = await api().call<Tenant>({
      method: "POST",
      path: "/tenants",
      body: {
        slug: words.SLUG,
        company_name: flags.name,
        admin_email: flags["admin-email"],
        admin_password: password,
        ...nameOf(flags["admin-name"]),
        ...(flags.region === undefined ? {} : { region: flags.region }),
      },
    });
    const said = `Made ${tenant.slug} (${tenant.id}) at ${tenant.url}.`;
    const shown = isGiven ? {} : { admin_password: password };
    output.show(
      { ...tenant, ...shown },
      isGiven ? said : `${said}\nThe admin's password, shown this once: ${password}`,
    );
    return 0;
  },
});

/** The last word is the last name. A single one is both. */
function nameOf(name: string) {
  const words = name.trim().split(/\s+/);
  const last = words.at(-1) ?? "";
  return { admin_first_name: words.slice(0, -1).join(" ") || last, admin_last_name: last };
}
