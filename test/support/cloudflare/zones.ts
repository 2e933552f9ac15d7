import { z } from "zod";
import { type Account, hexId, type Zone } from "./account.ts";
import { type Call, type Endpoint, endpoint, Fault, pageOf } from "./endpoint.ts";

const strings = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape) as unknown as z.ZodType<Record<string, string>>;
const text = z.string().optional();

const RouteBody = z.strictObject({ pattern: z.string(), script: z.string().optional() });

/** Zones, the routes in them, and who is asking. The token is a narrow one: this account, these zones. */
export const ZONE_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET /user/tokens/verify", {
    answer: () => ({ result: { id: hexId(), status: "active" } }),
  }),
  endpoint("GET /accounts/:account/tokens/verify", {
    answer: () => ({ result: { id: hexId(), status: "active" } }),
  }),
  endpoint("GET /zones", {
    query: strings({ name: text, "account.id": text, page: text, per_page: text, status: text }),
    answer: ({ zones }, { query }) =>
      pageOf(zones.filter(({ name }) => name === (query.name ?? name)).map(shown), query),
  }),
  endpoint("GET /zones/:zone", {
    answer: (account, call) => ({ result: shown(zoneOf(account, call)) }),
  }),
  endpoint("GET /zones/:zone/dns_records", {
    query: strings({ name: text, type: text, page: text, per_page: text }),
    answer: (account, call) => {
      const { name, type } = call.query;
      const found = zoneOf(account, call).dns.filter(
        (record) => record.name === (name ?? record.name) && record.type === (type ?? record.type),
      );
      return pageOf(found, call.query);
    },
  }),
  endpoint("POST /zones/:zone/dns_records", {
    body: z.strictObject({
      type: z.enum(["A", "AAAA", "CNAME"]),
      name: z.string(),
      content: z.string(),
      ttl: z.number(),
      proxied: z.boolean().optional(),
      comment: z.string().optional(),
    }),
    answer: (account, call) => {
      const { type, name, content, proxied = false } = call.body;
      const { dns } = zoneOf(account, call);
      if (dns.some((record) => record.name === name && record.type === type)) {
        throw new Fault(400, 81_053, `There is a record ${type} ${name} already.`);
      }
      const record = { id: hexId(), type, name, content, proxied };
      dns.push(record);
      return { result: record };
    },
  }),
  endpoint("GET /zones/:zone/workers/routes", {
    answer: (account, call) => ({ result: zoneOf(account, call).routes }),
  }),
  endpoint("POST /zones/:zone/workers/routes", {
    body: RouteBody,
    answer: (account, call) => {
      const zone = zoneOf(account, call);
      const { pattern, script } = call.body;
      if (zone.routes.some((route) => route.pattern === pattern)) {
        throw new Fault(409, 10_020, `The route ${pattern} is there already.`);
      }
      checkRoute(account, zone, call.body);
      const route = { id: hexId(), pattern, script };
      zone.routes.push(route);
      account.runtime.changed();
      return { result: route };
    },
  }),
  endpoint("PUT /zones/:zone/workers/routes/:route", {
    body: RouteBody,
    answer: (account, call) => {
      const zone = zoneOf(account, call);
      const route = zone.routes.find(({ id }) => id === call.params.route);
      if (!route) throw new Fault(404, 10_009, "There is no such route.");
      checkRoute(account, zone, call.body);
      Object.assign(route, call.body);
      account.runtime.changed();
      return { result: route };
    },
  }),
  endpoint("DELETE /zones/:zone/workers/routes/:route", {
    answer: (account, call) => {
      const zone = zoneOf(account, call);
      zone.routes = zone.routes.filter(({ id }) => id !== call.params.route);
      account.runtime.changed();
      return { result: { id: call.params.route } };
    },
  }),
  // Sets all routes of a Worker at once, but only for a token that may edit every zone.
  endpoint("PUT /accounts/:account/workers/scripts/:script/routes", {
    wranglerOnly: true,
    body: z.array(z.looseObject({ pattern: z.string() })),
    answer: () => {
      throw new Fault(403, 10_000, "Authentication error");
    },
  }),
];

function checkRoute(account: Account, zone: Zone, route: z.infer<typeof RouteBody>): void {
  const host = route.pattern.replace(/^(\*\.)?/, "").split("/")[0] as string;
  if (host !== zone.name && !host.endsWith(`.${zone.name}`)) {
    throw new Fault(400, 10_022, `The route ${route.pattern} is not in the zone ${zone.name}.`);
  }
  if (route.script !== undefined && !account.scripts.has(route.script)) {
    throw new Fault(404, 10_007, `There is no Worker ${route.script}.`);
  }
}

function zoneOf({ zones }: Account, { params }: Call): Zone {
  const zone = zones.find(({ id }) => id === params.zone);
  if (!zone) throw new Fault(404, 1_001, "There is no such zone.");
  return zone;
}

function shown({ id, name }: Zone) {
  return { id, name, status: "active", type: "full" };
}
