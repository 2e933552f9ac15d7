/** The lists of signals: what they hold, in which order, page by page. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  addUser,
  call,
  newTenant,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { showFigures } from "../../support/figures.ts";
import { seededRandom } from "../../support/random.ts";
import { databaseOfTenant } from "../../support/worker.ts";

const SEVERITIES = ["low", "medium", "warning", "high", "critical"] as const;
const SOURCES = ["manual", "sla", "rule", "infra", "webhook"] as const;
const STATUSES = ["open", "acknowledged", "resolved"] as const;
const MANY = 60;

interface Shown {
  readonly id: string;
  readonly severity: string;
  readonly source: string;
  readonly status: string;
  readonly risk_score: number;
  readonly assignee_id: string | null;
}

describe("signals", () => {
  let tenant: TestTenant;
  let manager: string;
  /** All of them, the first opened first. */
  let all: Shown[];
  beforeAll(async () => {
    tenant = await newTenant();
    const random = seededRandom("listed signals");
    manager = (await addUser(tenant, "manager")).id;
    const database = await databaseOfTenant(tenant.slug);
    for (let nth = 0; nth < MANY; nth++) {
      const { status, text } = await post({ severity: "low", title: `number ${nth}` });
      expect(status, text).toBe(201);
    }
    const { results } = await database
      .prepare("SELECT id FROM signals ORDER BY id")
      .all<{ id: string }>();
    all = results.map(({ id }) => ({
      id,
      severity: random.pick(SEVERITIES),
      source: random.pick(SOURCES),
      status: random.pick(STATUSES),
      // Few, so that many are equally urgent.
      risk_score: random.pick([0.69, 6.93, 13.86, 23.03]),
      assignee_id: random.pick([null, manager, tenant.admin.id]),
    }));
    await database.batch(
      all.map(({ id, severity, source, status, risk_score, assignee_id }) =>
        database
          .prepare(
            `UPDATE signals SET severity = ?, source = ?, status = ?, risk_score = ?, assignee_id = ?,
               resolved_at = CASE ? WHEN 'resolved' THEN opened_at END WHERE id = ?`,
          )
          .bind(severity, source, status, risk_score, assignee_id, status, id),
      ),
    );
  });

  const post = (body: unknown) =>
    call("POST", `${tenant.api}/signals`, { token: tenant.admin.token, body });
  const list = (query: string): Promise<Reply> =>
    call("GET", `${tenant.api}/signals?${query}`, { token: tenant.admin.token });
  /** The whole list, page by page. */
  const walk = async (query: string, limit: number): Promise<Shown[]> => {
    const walked: Shown[] = [];
    for (let cursor = ""; ; ) {
      const { json, text, status } = await list(`${query}&limit=${limit}${cursor}`);
      expect(status, text).toBe(200);
      walked.push(...json.data);
      expect(walked.length, "or it never ends").toBeLessThanOrEqual(MANY);
      if (json.next_cursor === null) return walked;
      cursor = `&cursor=${encodeURIComponent(json.next_cursor)}`;
    }
  };
  const inOrder = (ordering: string, signals: readonly Shown[]): string[] => {
    const byId = (a: Shown, b: Shown) => (a.id < b.id ? -1 : 1);
    const sorted = ordering.endsWith("risk_score")
      ? signals.toSorted((a, b) => a.risk_score - b.risk_score || byId(a, b))
      : signals.toSorted(byId);
    return (ordering.startsWith("-") ? sorted.reverse() : sorted).map(({ id }) => id);
  };

  it("are found by severity, status, source and assignee, in every order", async ({ task }) => {
    let lists = 0;
    for (const ordering of ["", "-opened_at", "opened_at", "-risk_score", "risk_score"]) {
      for (const filters of [
        {},
        { severity: "critical" },
        { status: "open" },
        { status: "resolved" },
        { source: "rule" },
        { severity: "low", status: "resolved" },
        { severity: "low", status: "open", source: "sla" },
        { status: "acknowledged", source: "manual" },
        { assignee_id: manager },
        { assignee_id: tenant.admin.id, status: "open", severity: "high" },
        { assignee_id: "user_01jdn2z7q5e8t9v0w1x2y3z4a5" },
      ] as Record<string, string>[]) {
        const wanted = all.filter((signal) =>
          Object.entries(filters).every(([name, value]) => signal[name as keyof Shown] === value),
        );
        const query = new URLSearchParams({ ...filters, ...(ordering ? { ordering } : {}) });
        const found = await walk(`${query}`, 7);
        const ids = found.map(({ id }) => id);
        expect(ids, `${query}`).toEqual(inOrder(ordering || "-opened_at", wanted));
        lists += 1;
      }
    }
    showFigures(task, `${lists} lists over ${MANY} signals are as they should be`);
  });

  it("are shown as they stand", async () => {
    const { json } = await list("limit=1");
    const one = await call("GET", `${tenant.api}/signals/${json.data[0].id}`, {
      token: tenant.admin.token,
    });
    expect(json.data[0]).toEqual(one.json);
  });

  it("have cursors for one order and one set of filters", async () => {
    const { json } = await list("limit=1");
    const cursor = encodeURIComponent(json.next_cursor);
    for (const query of [
      "ordering=opened_at",
      "ordering=-risk_score",
      "severity=low",
      `assignee_id=${manager}`,
    ]) {
      expect(problemOf(await list(`${query}&cursor=${cursor}`)), query).toBe("invalid-cursor");
    }
    expect((await list(`ordering=-opened_at&cursor=${cursor}`)).status).toBe(200);
  });

  it.each([
    ["severity=worst", "?severity"],
    ["status=closed", "?status"],
    ["source=api", "?source"],
    ["ordering=title", "?ordering"],
    ["assignee=me", "?assignee"],
    ["assignee_id=me", "?assignee_id"],
    ["limit=101", "?limit"],
  ])("are not found by %s", async (query, pointer) => {
    const reply = await list(query);
    expect(problemOf(reply)).toBe("validation-failed");
    expect(reply.json.errors.map((error: { pointer: string }) => error.pointer)).toEqual([pointer]);
  });
});
