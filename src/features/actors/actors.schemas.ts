import { z } from "@hono/zod-openapi";
import {
  id,
  pageOf,
  pageQuery,
  queryFlag,
  strictQuery,
  Time,
  text,
} from "../../platform/http/schemas.ts";
import { ACTOR_TYPES } from "./actors.tables.ts";

const type = z.enum(ACTOR_TYPES).openapi({ example: "support" });
const name = text(200).openapi({ example: "Ada of the support team" });
const active = z.boolean().openapi({
  description: "Who is not active has no new events.",
  example: true,
});

export const Actor = z
  .object({
    id: id("actor"),
    type,
    name: z.string().openapi({ example: "Ada of the support team" }),
    active,
    created_at: Time,
    updated_at: Time,
  })
  .openapi("Actor");

export const ActorPage = pageOf(Actor, "ActorPage");

export const ActorQuery = strictQuery({
  ...pageQuery,
  type: type.optional(),
  active: queryFlag("Only those that are active, or only those that are not."),
});

export const NewActor = z
  .strictObject({ type, name, active: active.default(true) })
  .openapi("NewActor");

export const ActorChanges = z
  .strictObject({ type: type.optional(), name: name.optional(), active: active.optional() })
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("ActorChanges", { description: "What is left out stays as it is.", minProperties: 1 });
