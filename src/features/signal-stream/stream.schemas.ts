import { z } from "@hono/zod-openapi";
import { strictQuery } from "../../platform/http/schemas.ts";
import { StreamId } from "../../platform/stream/protocol.ts";

export const StreamTicket = z
  .object({
    ticket: z.string().openapi({
      description: "Opens one stream, once.",
      example: "rwt_pWbJ0hQ0w8o5N1m9u6Zk2c7VtqXyRfLsEdGaTiUoKjM",
    }),
    expires_in: z.int().openapi({ description: "Seconds.", example: 30 }),
    url: z.string().openapi({
      description: "Where to connect to.",
      example: "wss://acme.rowhouse.example/api/v1/signals/stream",
    }),
    protocols: z.array(z.string()).openapi({
      description: "The subprotocols to offer: the second argument of `new WebSocket`.",
      example: ["rowhouse.v1", "ticket.rwt_pWbJ0hQ0w8o5N1m9u6Zk2c7VtqXyRfLsEdGaTiUoKjM"],
    }),
  })
  .openapi("StreamTicket");

export const StreamQuery = strictQuery({
  last_event_id: StreamId.optional().openapi({
    description: "The id that was seen last: the stream goes on after it, otherwise from now on.",
    example: "1042",
  }),
});
