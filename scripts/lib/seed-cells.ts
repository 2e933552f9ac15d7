import { type Answer, sendPatiently } from "./http.ts";
import { LOCAL_CELLS } from "./local-cells.ts";
import { connect } from "./operators-api.ts";
import { DEMO } from "./seed.ts";

/**
 * Makes the cells known, as a deploy does, and registers a company in each.
 *
 * @param pool databases that may be claimed in each cell
 * @param down name of a cell that serves nobody: it stays as it is
 * @throws Error with what the API answered
 */
export async function seedCells(port: number, pool: number, down?: string): Promise<void> {
  const cells = LOCAL_CELLS.filter(({ name }) => name !== down);
  const api = connect(
    { origin: new URL(`http://localhost:${port}`) },
    { email: DEMO.operator, password: DEMO.password },
  );
  for (const { name, region } of cells) {
    await api.call({ method: "PUT", path: `/cells/${name}`, body: { region, open: true } });
    // Tried a few at a time, each by its own cell.
    for (let claimable = 0; claimable < pool; ) {
      const path = `/cells/${name}/databases`;
      const body = { claimable: pool };
      const cell = await api.call<{ claimable: number }>({ method: "POST", path, body });
      if (cell.claimable <= claimable) throw new Error(`The databases of ${name} are not fit.`);
      claimable = cell.claimable;
    }
  }
  await api.close();
  for (const cell of cells) expectMade(await register(port, cell.tenant, cell.region));
}

function register(port: number, slug: string, region: string): Promise<Answer> {
  const body = {
    company_name: `${slug} Inc.`,
    slug,
    region,
    admin_email: `admin@${slug}.test`,
    admin_password: DEMO.password,
    admin_first_name: "Ada",
    admin_last_name: "Admin",
  };
  const path = "/api/v1/auth/register";
  return sendPatiently({ port, method: "POST", path, body, timeoutMs: 60_000 });
}

/** What is there already stays as it is. */
function expectMade({ status, text }: Answer): void {
  if (status !== 201 && status !== 409) throw new Error(`${status} ${text.slice(0, 300)}`);
}
