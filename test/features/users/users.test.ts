import { beforeAll, describe, expect, it } from "vitest";
import {
  addUser,
  call,
  newTenant,
  PASSWORD,
  problemOf,
  signIn,
  type TestTenant,
} from "../../support/client.ts";

describe("users", () => {
  let acme: TestTenant;
  beforeAll(async () => {
    acme = await newTenant("acme-of-users");
  });
  const as = (token: string) => ({
    get: (path: string) => call("GET", `${acme.api}${path}`, { token }),
    post: (path: string, body?: unknown) => call("POST", `${acme.api}${path}`, { token, body }),
    put: (path: string, body?: unknown, headers = {}) =>
      call("PUT", `${acme.api}${path}`, { token, body, headers }),
    delete: (path: string) => call("DELETE", `${acme.api}${path}`, { token }),
  });

  it("are created, read, changed and removed, and every change is in the audit log", async () => {
    const admin = as(acme.admin.token);
    const created = await admin.post("/users", {
      email: "New@Acme.test",
      password: PASSWORD,
      first_name: "New",
      last_name: "User",
      role: "user",
    });
    expect(created.status).toBe(201);
    const { id } = created.json;
    expect(created.headers.get("location")).toBe(`/api/v1/users/${id}`);
    expect(created.json.email).toBe("new@acme.test");

    const read = await admin.get(`/users/${id}`);
    expect(read.json).toEqual(created.json);
    expect(read.headers.get("etag")).toBe(created.headers.get("etag"));

    const changed = await admin.put(`/users/${id}`, { role: "manager" });
    expect(changed.json).toMatchObject({ role: "manager", first_name: "New" });
    expect((await admin.delete(`/users/${id}`)).status).toBe(204);
    expect(problemOf(await admin.get(`/users/${id}`))).toBe("not-found");

    const log = await admin.get(`/audit?target=${id}`);
    expect(log.json.data.map((entry: { action: string }) => entry.action)).toEqual([
      "user.deleted",
      "user.updated",
      "user.created",
    ]);
    expect(log.text).not.toContain(PASSWORD);
  });

  it("keep the last admin", async () => {
    const admin = as(acme.admin.token);
    expect(problemOf(await admin.delete(`/users/${acme.admin.id}`))).toBe("last-admin");
    expect(problemOf(await admin.put(`/users/${acme.admin.id}`, { role: "user" }))).toBe(
      "last-admin",
    );
  });

  it("show e-mails and sign-ins only to roles that may see them", async () => {
    const [readonly, user] = [await addUser(acme, "readonly"), await addUser(acme, "user")];
    const seen = await as(readonly.token).get(`/users/${user.id}`);
    expect(seen.json.email).toBeNull();
    expect(seen.json).not.toHaveProperty("last_sign_in_at");
    expect((await as(readonly.token).get(`/users/${readonly.id}`)).json.email).toBe(readonly.email);
    expect((await as(user.token).get(`/users/${readonly.id}`)).json.email).toBe(readonly.email);
  });

  it("change their own password, which ends their other sessions", async () => {
    const first = await addUser(acme, "user");
    const second = await signIn(acme.api, first.email);
    const changed = await as(second.token).post("/users/change-password", {
      current_password: PASSWORD,
      new_password: `${PASSWORD}-2`,
    });
    expect(changed.status).toBe(204);
    expect(problemOf(await as(first.token).get("/auth/me"))).toBe("unauthenticated");
    expect((await as(second.token).get("/auth/me")).status).toBe(200);
    await signIn(acme.api, first.email, `${PASSWORD}-2`);
  });
});
