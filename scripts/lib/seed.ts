import { ACTORS, type Collection, type Members, RULES, SIGNALS } from "./demo-business.ts";
import { type Answer, sendPatiently } from "./http.ts";

/** The demo that `npm start` makes. Development only; the password and the secret are in the README. */
export const DEMO = {
  slug: "acme",
  password: "correct-horse-battery",
  admin: "admin@acme.test",
  operator: "operator@rowhouse.test",
  /** What the demo's `stripe` service signs with. No account of Stripe's has it. */
  webhookSecret: "whsec_rowhouse_demo_only",
} as const;

/** Suspended, deleted, locked, with another password or role: somebody made it so. */
const REFUSALS = [401, 403, 404, 410, 429];

/** The demo is not as `npm start` makes it, and that is no reason not to serve. */
class DemoLeft extends Error {
  override name = "DemoLeft";
}

/** What the steps share: how to reach the API, and what earlier steps learnt. */
export interface Seeding {
  readonly port: number;
  /** Access token of the demo tenant's admin. */
  token?: string;
  /** Whether this start registered the tenant, so that nobody can have changed it. */
  isNew?: boolean;
}

/** One thing that the demo has. Runs at every start, so it must not mind that it is there already. */
export interface SeedStep {
  readonly name: string;
  run(seeding: Seeding): Promise<void>;
}

/** In order; later features add theirs at the end. */
export const SEED_STEPS: readonly SeedStep[] = [
  { name: "tenant acme", run: registerTenant },
  { name: "manager", run: (seeding) => addUser(seeding, "manager", "Mara", "Manager") },
  { name: "user", run: (seeding) => addUser(seeding, "user", "Uma", "User") },
  { name: "readonly", run: (seeding) => addUser(seeding, "readonly", "Rhea", "Reader") },
  { name: "service stripe", run: addStripe },
  { name: "actors", run: (seeding) => addMissing(seeding, ACTORS) },
  { name: "signal rule", run: (seeding) => addMissing(seeding, RULES) },
  { name: "signals", run: (seeding) => addMissing(seeding, SIGNALS) },
];

/**
 * Makes the demo through the API, as a customer would, and completes what an earlier start left
 * half done. A demo that somebody has changed is left as it is.
 *
 * @returns a line for a person when it was left, undefined when all of the demo is there
 * @throws Error naming the step that failed and what the API answered
 */
export async function seed(
  port: number,
  steps: readonly SeedStep[] = SEED_STEPS,
): Promise<string | undefined> {
  const seeding: Seeding = { port };
  for (const step of steps) {
    try {
      await step.run(seeding);
    } catch (error) {
      if (error instanceof DemoLeft) return error.message;
      throw new Error(`The demo's "${step.name}" failed: ${(error as Error).message}`);
    }
  }
}

async function registerTenant(seeding: Seeding): Promise<void> {
  const answer = await sendPatiently({
    port: seeding.port,
    method: "POST",
    path: "/api/v1/auth/register",
    body: {
      company_name: "Acme Inc.",
      slug: DEMO.slug,
      admin_email: DEMO.admin,
      admin_password: DEMO.password,
      admin_first_name: "Ada",
      admin_last_name: "Admin",
    },
  });
  if (REFUSALS.includes(answer.status)) {
    throw new DemoLeft(`This server registers nobody (${said(answer)}), so it has no demo tenant.`);
  }
  seeding.isNew = answer.status !== 409;
  seeding.token = tokenIn(seeding.isNew ? expect2xx(answer) : await signIn(seeding));
}

async function signIn({ port }: Seeding): Promise<Answer> {
  const body = { email: DEMO.admin, password: DEMO.password };
  return expectUnchanged(await onTenantDoor(port, "/api/v1/auth/login", body));
}

async function addUser(
  { port, token, isNew }: Seeding,
  role: string,
  firstName: string,
  lastName: string,
): Promise<void> {
  const body = {
    email: `${role}@acme.test`,
    password: DEMO.password,
    first_name: firstName,
    last_name: lastName,
    role,
  };
  expectMade(await onTenantDoor(port, "/api/v1/users", body, token), isNew);
}

async function addStripe({ port, token, isNew }: Seeding): Promise<void> {
  const webhook = { scheme: "stripe", secrets: [DEMO.webhookSecret] };
  const body = { slug: "stripe", name: "Stripe", webhook };
  expectMade(await onTenantDoor(port, "/api/v1/services", body, token), isNew);
}

/** Adds what a look into the list does not find. */
async function addMissing(seeding: Seeding, collection: Collection): Promise<void> {
  const { port, token, isNew } = seeding;
  const { path, query, bodies, member } = collection;
  const list = expectUnchanged(await onTenantDoor(port, `${path}?${query}`, undefined, token));
  const { data } = JSON.parse(list.text) as { data: readonly Members[] };
  for (const body of bodies) {
    const name = member(body);
    if (data.some((there) => there[name] === body[name])) continue;
    expectMade(await onTenantDoor(port, path, body, token), isNew);
  }
}

/** What is there already stays as it is, whatever became of it. */
function expectMade(answer: Answer, isNew: boolean | undefined): void {
  if (answer.status === 409) return;
  if (isNew) expect2xx(answer);
  else expectUnchanged(answer);
}

/** Posts the body, or gets where there is none. */
function onTenantDoor(port: number, path: string, body: unknown, token?: string): Promise<Answer> {
  const headers = token ? { authorization: `Bearer ${token}` } : undefined;
  const door = `${DEMO.slug}.localhost`;
  const method = body === undefined ? "GET" : "POST";
  return sendPatiently({ port, door, method, path, body, ...(headers ? { headers } : {}) });
}

function tokenIn(answer: Answer): string {
  const { access_token } = JSON.parse(answer.text) as { access_token?: unknown };
  if (typeof access_token !== "string") throw new Error("the answer has no access_token");
  return access_token;
}

function expect2xx(answer: Answer): Answer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw new Error(said(answer));
}

function expectUnchanged(answer: Answer): Answer {
  if (!REFUSALS.includes(answer.status)) return expect2xx(answer);
  throw new DemoLeft(`The demo was changed (its admin gets ${said(answer)}): it stays as it is.`);
}

/** Status and title, or whatever came instead of a problem document. */
function said({ status, text }: Answer): string {
  const title = /"title":\s*"([^"]*)"/.exec(text)?.[1];
  return `${status} ${title ?? text.slice(0, 300)}`;
}
