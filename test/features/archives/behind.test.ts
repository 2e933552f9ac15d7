import { beforeAll, expect, it } from "vitest";
import {
  begun,
  complete,
  exported,
  makeCellsKnown,
  openCell,
  registryRow,
  routed,
  sent,
  TENANTS,
} from "../../support/archives.ts";
import { type Caller, newOperator, PASSWORD } from "../../support/client.ts";
import { NEWEST, RELEASE, schemaOf } from "../../support/fleet.ts";
import { registrationOf } from "../../support/registration.ts";
import { databaseOf } from "../../support/worker.ts";

const cells = { "test-1": openCell("test-1", RELEASE), "test-2": openCell("test-2", RELEASE) };
const ask = routed(cells);

let operator: Caller;
beforeAll(async () => {
  await makeCellsKnown();
  operator = await newOperator();
});

it.each([
  [1, NEWEST - 1],
  [2, NEWEST],
])("a tenant whose schema is %i behind moves with schema %i", async (behind, arrives) => {
  const { token } = operator;
  const slug = `behind-by-${behind}`;
  const before = openCell("test-1", { TENANT_SCHEMA: String(NEWEST - behind) });
  const made = await before.call("POST", TENANTS, { token, body: registrationOf(slug) });
  expect(made.status, made.text).toBe(201);
  const { id } = made.json;
  const old = databaseOf(String((await registryRow(id)).binding));
  expect(await schemaOf(old)).toBe(NEWEST - behind);
  const url = await begun(ask, token, { tenant_id: id, region: "eu" });
  const archive = await exported(ask, token, id);
  expect(archive.header.schema_version).toBe(arrives);
  await sent(ask, token, url, archive);
  const done = await complete(ask, token, url, archive);
  expect(done.status, done.text).toBe(200);
  const row = await registryRow(id);
  expect(row).toMatchObject({ cell: "test-2", state: "active", schema_version: arrives });
  expect(await schemaOf(databaseOf(String(row.binding)))).toBe(arrives);
  const login = await cells["test-2"].call(
    "POST",
    `http://${slug}.rowhouse.test/api/v1/auth/login`,
    {
      body: { email: `admin@${slug}.test`, password: PASSWORD },
    },
  );
  expect(login.status, login.text).toBe(200);
});
