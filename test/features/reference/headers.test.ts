import { expect, it } from "vitest";
import {
  addUser,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  type Reply,
} from "../../support/client.ts";

/** Headers that a client relies on, so that the document must tell the truth about them. */
const PROMISED = ["etag", "location", "x-d1-bookmark", "x-request-id"];

it("promises the headers that answers have, and no others", async () => {
  const tenant = await newTenant();
  const { token } = tenant.admin;
  const operator = await newOperator();
  const user = await addUser(tenant, "user");
  const documents = {
    [tenant.origin]: (await call("GET", `${tenant.origin}/openapi.json`)).json,
    [PLATFORM_ORIGIN]: (await call("GET", `${PLATFORM_ORIGIN}/openapi.json`)).json,
  };
  const compared: string[] = [];

  async function compare(
    origin: string,
    method: string,
    path: string,
    options: { id?: string; body?: unknown; token?: string },
  ): Promise<Reply> {
    const reply = await call(method, `${origin}/api/v1${path.replace("{id}", options.id ?? "")}`, {
      body: options.body,
      token: options.token,
    });
    const operation = documents[origin].paths[`/api/v1${path}`][method.toLowerCase()];
    expect(Object.keys(operation.responses), `${method} ${path}`).toContain(String(reply.status));
    const said = Object.keys(operation.responses[reply.status].headers).map((name) =>
      name.toLowerCase(),
    );
    const had = PROMISED.filter((name) => reply.headers.has(name));
    expect(
      PROMISED.filter((name) => said.includes(name)),
      `${method} ${path}`,
    ).toEqual(had);
    compared.push(operation.operationId);
    return reply;
  }

  const on = tenant.origin;
  const names = { first_name: "Ada", last_name: "Lovelace" };
  await compare(on, "GET", "/auth/me", { token });
  await compare(on, "GET", "/auth/sessions", { token });
  await compare(on, "GET", "/users", { token });
  const body = { ...names, email: "new@acme.test", password: PASSWORD, role: "readonly" };
  const { json: made } = await compare(on, "POST", "/users", { token, body });
  await compare(on, "GET", "/users/{id}", { token, id: made.id });
  await compare(on, "PUT", "/users/{id}", { token, id: made.id, body: names });
  await compare(on, "POST", "/users/{id}/unlock", { token, id: made.id });
  await compare(on, "DELETE", "/users/{id}", { token, id: made.id });
  await compare(on, "PUT", "/users/profile", { token: user.token, body: names });
  await compare(on, "GET", "/tenants/current", { token });
  await compare(on, "PUT", "/tenants/current", { token, body: { name: "Acme" } });
  await compare(on, "GET", "/audit", { token });
  await compare(on, "POST", "/auth/login", { body: { email: user.email, password: PASSWORD } });
  await compare(on, "POST", "/auth/logout", { token: user.token, body: {} });

  const platform = PLATFORM_ORIGIN;
  const registration = {
    company_name: "Another",
    slug: `another-${tenant.slug}`.slice(0, 40),
    admin_email: "admin@another.test",
    admin_password: PASSWORD,
    admin_first_name: "Ann",
    admin_last_name: "Other",
  };
  const { json: other } = await compare(platform, "POST", "/tenants", {
    token: operator.token,
    body: registration,
  });
  const one = { token: operator.token, id: other.id };
  await compare(platform, "GET", "/tenants", { token: operator.token });
  await compare(platform, "GET", "/tenants/{id}", one);
  await compare(platform, "PUT", "/tenants/{id}", { ...one, body: { name: "Renamed" } });
  await compare(platform, "POST", "/tenants/{id}/suspend", one);
  await compare(platform, "POST", "/tenants/{id}/activate", one);
  await compare(platform, "DELETE", "/tenants/{id}", one);
  await compare(platform, "POST", "/auth/register", {
    body: { ...registration, slug: `third-${tenant.slug}`.slice(0, 40) },
  });
  expect(new Set(compared).size).toBe(22);
});
