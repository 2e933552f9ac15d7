import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  problemOf,
  type Reply,
  signIn,
  type TestTenant,
} from "../support/client.ts";
import { times } from "../support/registration.ts";
import {
  addService,
  deliver,
  eventOf,
  eventually,
  post,
  SECRET,
  signed,
} from "../support/webhooks.ts";
import { bindings, databaseOfTenant, firstValue, registryOf, tick } from "../support/worker.ts";

const DAY = 86_400_000;

describe("requests with one Idempotency-Key", () => {
  let house: TestTenant;
  let database: D1Database;
  beforeAll(async () => {
    house = await newTenant("keys");
    database = await databaseOfTenant(house.slug);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const send = (key: string, method: string, path: string, body?: unknown, by = house.admin) =>
    call(method, `${house.api}${path}`, {
      token: by.token,
      body,
      headers: { "idempotency-key": key },
    });
  const person = (name: string) => ({
    email: `${name}@keys.test`,
    password: PASSWORD,
    first_name: "New",
    last_name: name,
    role: "user",
  });
  const count = (sql: string, ...values: unknown[]) => firstValue<number>(database, sql, ...values);
  const audited = (action: string, target: string) =>
    count("SELECT count(*) FROM audit_log WHERE action = ? AND target = ?", action, target);

  /** What a client can tell answers apart by. */
  const answerOf = ({ status, text, headers }: Reply) => ({
    status,
    text,
    headers: ["content-type", "etag", "location"].map((name) => headers.get(name)),
  });

  /** All replies have to be one answer, or the advice to ask again; asking again gives it too. */
  async function oneAnswer(replies: readonly Reply[], again: () => Promise<Reply>) {
    const answers = replies.filter((reply) => reply.status !== 409).map(answerOf);
    const waiting = replies.filter((reply) => reply.status === 409);
    expect(
      new Set(waiting.map(problemOf)).difference(new Set(["idempotency-in-progress"])),
    ).toEqual(new Set());
    const [first] = answers;
    expect(first).toBeDefined();
    for (const answer of [...answers, answerOf(await again())]) expect(answer).toEqual(first);
    return first as ReturnType<typeof answerOf>;
  }

  it("50 creations: one effect, one audit row, equal answers to the byte", async () => {
    const create = () => send("create-1", "POST", "/users", person("once"));
    const answer = await oneAnswer(await Promise.all(times(50, create)), create);
    expect(answer.status).toBe(201);
    const { id } = JSON.parse(answer.text);
    expect(await count("SELECT count(*) FROM users WHERE email = 'once@keys.test'")).toBe(1);
    expect(await audited("user.created", id)).toBe(1);
    expect(await count("SELECT count(*) FROM idempotency_keys")).toBe(1);
  });

  it("50 changes and 50 deletions, likewise", async () => {
    const { id } = await addUser(house, "user");
    const change = () => send("change-1", "PUT", `/users/${id}`, { first_name: "Changed" });
    const changed = await oneAnswer(await Promise.all(times(50, change)), change);
    expect(changed.status).toBe(200);
    expect(await count("SELECT version FROM users WHERE id = ?", id)).toBe(2);
    expect(await audited("user.updated", id)).toBe(1);

    const remove = () => send("remove-1", "DELETE", `/users/${id}`);
    const removed = await oneAnswer(await Promise.all(times(50, remove)), remove);
    expect(removed.status).toBe(204);
    expect(await audited("user.deleted", id)).toBe(1);
  });

  it("50 changes of one's password: no answer is a failed guess, and nobody is locked out", async () => {
    const user = await addUser(house, "user");
    const input = { current_password: PASSWORD, new_password: `${PASSWORD}-new` };
    const change = () => send("password-1", "POST", "/users/change-password", input, user);
    const changed = await oneAnswer(await Promise.all(times(50, change)), change);
    expect(changed.status).toBe(204);
    for (const again of times(6, () => change)) expect((await again()).status).toBe(204);
    expect(await count("SELECT count(*) FROM sign_in_failures WHERE email = ?", user.email)).toBe(
      0,
    );
    await signIn(house.api, user.email, `${PASSWORD}-new`);
  });

  it("50 creations of a service, 50 changes of its secret and 50 deletions, likewise", async () => {
    const secrets = [`${SECRET}-first`];
    const body = { slug: "shop", name: "Shop", webhook: { scheme: "generic", secrets } };
    const create = () => send("service-1", "POST", "/services", body);
    const created = await oneAnswer(await Promise.all(times(50, create)), create);
    expect(created.status).toBe(201);
    expect(created.text).not.toContain(secrets[0]);
    const { id } = JSON.parse(created.text);
    // The secret is a part of the payload, though no answer shows it.
    const webhook = { ...body.webhook, secrets: [`${SECRET}-second`] };
    const otherwise = await send("service-1", "POST", "/services", { ...body, webhook });
    expect(problemOf(otherwise)).toBe("idempotency-mismatch");

    const rotate = () => send("service-2", "PUT", "/services/shop", { webhook });
    expect((await oneAnswer(await Promise.all(times(50, rotate)), rotate)).status).toBe(200);
    const remove = () => send("service-3", "DELETE", "/services/shop");
    expect((await oneAnswer(await Promise.all(times(50, remove)), remove)).status).toBe(204);
    for (const action of ["created", "updated", "deleted"]) {
      expect(await audited(`service.${action}`, id), action).toBe(1);
    }
    expect(await count("SELECT count(*) FROM service_secrets")).toBe(0);
  });

  it("50 replays of a webhook: it is tried again once", async () => {
    const service = await addService(house, "generic", { max_attempts: 1 });
    const refund = await post(service, "ref-1", "payment.refunded", { payment_id: "none" });
    const { id } = await eventually(house, refund.json.event_id, "dead_letter");
    const again = () => send("replay-1", "POST", `/webhooks/events/${id}/replay`);
    expect((await oneAnswer(await Promise.all(times(50, again)), again)).status).toBe(202);
    expect(await audited("webhook.replayed", id)).toBe(1);
    await vi.waitFor(async () => expect(await audited("webhook.dead_lettered", id)).toBe(2), {
      timeout: 20_000,
    });
    const all = () => send("replay-2", "POST", "/webhooks/dead-letters/replay", {});
    expect(JSON.parse((await oneAnswer(await Promise.all(times(50, all)), all)).text)).toEqual({
      matched: 1,
      replayed: 1,
      more: false,
    });
    // Nothing is left to replay: still the first answer, and another selection is another payload.
    expect((await all()).json).toEqual({ matched: 1, replayed: 1, more: false });
    const otherwise = await send("replay-2", "POST", "/webhooks/dead-letters/replay", {
      dry_run: true,
    });
    expect(problemOf(otherwise)).toBe("idempotency-mismatch");
    const many = "SELECT count(*) FROM audit_log WHERE action = 'webhook.dead_letters_replayed'";
    expect(await count(many)).toBe(1);
  });

  it("means nothing to who receives webhooks: the provider's id and the body count", async () => {
    const service = await addService(house);
    const headers = { "idempotency-key": "received" };
    for (const id of ["event-1", "event-2"]) {
      const delivery = await signed(service, eventOf(service, id));
      expect((await deliver(delivery, { headers })).json.status).toBe("accepted");
      expect((await deliver(delivery, { headers })).json.status).toBe("duplicate");
    }
  });

  it("another payload under a used key is refused, and changes nothing", async () => {
    expect((await send("mine", "POST", "/users", person("first"))).status).toBe(201);
    const other = await send("mine", "POST", "/users", person("second"));
    expect([other.status, problemOf(other)]).toEqual([422, "idempotency-mismatch"]);
    expect(await count("SELECT count(*) FROM users WHERE email = 'second@keys.test'")).toBe(0);
  });

  it("another user's equal key is another key, and so is another path or method", async () => {
    const other = await addUser(house, "admin");
    const [mine, theirs] = [
      await send("shared", "PUT", "/users/profile", { first_name: "Mine" }),
      await send("shared", "PUT", "/users/profile", { first_name: "Theirs" }, other),
    ];
    expect([mine.status, mine.json.first_name]).toEqual([200, "Mine"]);
    expect([theirs.status, theirs.json.first_name]).toEqual([200, "Theirs"]);
    expect((await send("shared", "PUT", `/users/${other.id}`, { first_name: "Mine" })).status).toBe(
      200,
    );
    expect((await send("shared", "DELETE", `/users/${other.id}`)).status).toBe(204);
  });

  it("a refusal is not kept: once its cause is gone, the same request succeeds", async () => {
    const create = () => send("retry-1", "POST", "/users", person("taken"));
    const { json: holder } = await send("holder", "POST", "/users", person("taken"));
    expect(problemOf(await create())).toBe("email-taken");
    await send("holder-gone", "DELETE", `/users/${holder.id}`);
    expect((await create()).status).toBe(201);
  });

  it("a replay is authorised again: who lost the role gets no old answer", async () => {
    const other = await addUser(house, "admin");
    const create = () => send("as-admin", "POST", "/users", person("by-other"), other);
    expect((await create()).status).toBe(201);
    await send("demote", "PUT", `/users/${other.id}`, { role: "user" });
    const replay = await create();
    expect([replay.status, problemOf(replay)]).toEqual([403, "permission-denied"]);
    await send("gone", "DELETE", `/users/${other.id}`);
    expect(problemOf(await create())).toBe("unauthenticated");
  });

  it("a key starts over after 24 hours, to the millisecond", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const start = Date.now();
    const { id } = await addUser(house, "user");
    const change = (by: Caller) => send("daily", "PUT", `/users/${id}`, { last_name: "X" }, by);
    expect((await change(house.admin)).headers.get("etag")).toMatch(/^"2\./);
    vi.setSystemTime(start + DAY - 1);
    const late = await signIn(house.api, house.admin.email);
    expect((await change(late)).headers.get("etag")).toMatch(/^"2\./);
    vi.setSystemTime(start + DAY);
    const next = await signIn(house.api, house.admin.email);
    const expired = () =>
      count("SELECT count(*) FROM idempotency_keys WHERE expires_at <= ?", start + DAY);
    const before = await expired();
    expect((await change(next)).headers.get("etag")).toMatch(/^"3\./);
    expect(await expired(), "ten are swept each time").toBeLessThanOrEqual(before - 10);
  });

  it("50 uses of an expired key: one effect again", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const start = Date.now();
    const { id } = await addUser(house, "user");
    const change = (by: Caller) => send("stale", "PUT", `/users/${id}`, { last_name: "Y" }, by);
    await change(house.admin);
    vi.setSystemTime(start + DAY);
    const admin = await signIn(house.api, house.admin.email);
    await oneAnswer(await Promise.all(times(50, () => change(admin))), () => change(admin));
    expect(await audited("user.updated", id)).toBe(2);
  });

  it("on the platform's door: a suspension with a key is heard by the tenant at once", async () => {
    const operator = await newOperator();
    const { id, slug } = await newTenant("key-suspended");
    const suspend = () =>
      call("POST", `http://rowhouse.test/api/v1/tenants/${id}/suspend`, {
        token: operator.token,
        headers: { "idempotency-key": "suspend-1" },
      });
    const answer = await oneAnswer(await Promise.all(times(10, suspend)), suspend);
    expect(answer.status).toBe(200);
    expect(await registryOf(slug)).toMatchObject({ state: "suspended", unsynced_since: null });
    const inside = await databaseOfTenant(slug);
    expect(await firstValue(inside, "SELECT status FROM realm")).toBe("suspended");
    await tick();
    const changes = "SELECT count(*) FROM audit_log WHERE action = ? AND target = ?";
    expect(await firstValue(bindings.CONTROL_DB, changes, "tenant.state_changed", id)).toBe(3 + 1);
    expect(await firstValue(inside, changes, "tenant.suspended", id)).toBe(1);
  });

  it.each(["", " ", "a b", "ä", "x".repeat(256)])("refuses the key %j", async (key) => {
    // Header values are trimmed on the way, and a fetch may refuse what is no byte string.
    const reply = await send(key, "POST", "/users", person("odd")).catch(() => null);
    if (reply) expect(reply.status).toBe(400);
  });
});
