import { z } from "@hono/zod-openapi";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { Failure } from "../../platform/problems.ts";
import { check } from "./health.service.ts";

const TAG = "Service";

const Health = z
  .object({
    status: z.enum(["ok", "degraded"]),
    version: z.string(),
    services: z.record(z.string(), z.enum(["ok", "down"])),
  })
  .openapi("Health", {
    example: {
      status: "ok",
      version: "0.1.0",
      services: { control_database: "ok", queues: "ok", durable_objects: "ok" },
    },
  });

const Ready = z.object({ status: z.literal("ok") }).openapi("Ready");

const Welcome = z
  .object({
    name: z.string(),
    version: z.string(),
    links: z.object({ reference: z.string(), openapi: z.string(), health: z.string() }),
  })
  .openapi("Welcome");

export const healthRouter = createRouter();

mount(
  healthRouter,
  endpoint({
    method: "get",
    path: "/",
    operationId: "welcome",
    summary: "Where to look",
    tag: TAG,
    doors: "both",
    access: "public",
    response: { status: 200, description: "Name, version, links.", schema: Welcome },
  }),
  {
    handle: async () => undefined,
    present: (_, ctx) => ({
      body: {
        name: "Rowhouse",
        version: ctx.settings.VERSION,
        links: { reference: "/docs", openapi: "/openapi.json", health: "/health" },
      },
    }),
  },
);

mount(
  healthRouter,
  endpoint({
    method: "get",
    path: "/health",
    operationId: "getHealth",
    summary: "State of each part",
    description: "Answers 200 as long as the Worker itself answers.",
    tag: TAG,
    doors: "both",
    access: "public",
    limit: "guard",
    response: { status: 200, description: "The parts.", schema: Health },
  }),
  {
    handle: (ctx) => check(ctx),
    present: (health, ctx) => ({ body: { ...health, version: ctx.settings.VERSION } }),
  },
);

mount(
  healthRouter,
  endpoint({
    method: "get",
    path: "/ready",
    operationId: "getReady",
    summary: "Whether this door can serve",
    tag: TAG,
    doors: "both",
    access: "public",
    limit: "guard",
    response: { status: 200, description: "Every part answers.", schema: Ready },
    problems: ["not-ready"],
  }),
  {
    handle: async (ctx) => {
      const { status, services } = await check(ctx);
      if (status === "ok") return status;
      const down = Object.keys(services).filter((name) => services[name] === "down");
      throw new Failure("not-ready", `Down: ${down.join(", ")}.`);
    },
    present: (status) => ({ body: { status } }),
  },
);
