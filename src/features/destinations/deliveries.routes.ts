import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { presentDelivery, presentDetail } from "./deliveries.present.ts";
import {
  BulkResend,
  Delivery,
  DeliveryDetail,
  DeliveryPage,
  DeliveryQuery,
  deliveryParams,
  ResendSelection,
  SampleEvent,
} from "./deliveries.schemas.ts";
import { getDelivery, list, sendSample } from "./deliveries.service.ts";
import { resend, resendMatching } from "./resend.service.ts";

const TAG = "Destinations";

export const deliveriesRouter = createRouter();

mount(
  deliveriesRouter,
  endpoint({
    method: "get",
    path: "/destinations/{id}/deliveries",
    operationId: "listDeliveries",
    summary: "What was sent to a destination, and what became of it",
    tag: TAG,
    doors: "tenant",
    access: "destinations:read",
    params: idParams("destination"),
    query: DeliveryQuery,
    response: { status: 200, description: "Deliveries, newest first.", schema: DeliveryPage },
  }),
  {
    handle: (ctx, { params, query }) => list(ctx, params.id, query),
    present: (page) => ({
      body: { data: page.items.map(presentDelivery), next_cursor: page.nextCursor },
    }),
  },
);

mount(
  deliveriesRouter,
  endpoint({
    method: "get",
    path: "/destinations/{id}/deliveries/{delivery_id}",
    operationId: "getDelivery",
    summary: "One delivery, with its attempts",
    tag: TAG,
    doors: "tenant",
    access: "destinations:read",
    params: deliveryParams,
    response: { status: 200, description: "The delivery.", schema: DeliveryDetail },
  }),
  {
    handle: (ctx, { params }) => getDelivery(ctx, params.id, params.delivery_id),
    present: (detail) => ({ body: presentDetail(detail) }),
  },
);

mount(
  deliveriesRouter,
  endpoint({
    method: "post",
    path: "/destinations/{id}/deliveries/{delivery_id}/resend",
    operationId: "resendDelivery",
    summary: "Send a delivery once more",
    description: "Whether or not it had arrived; with all its attempts, under the same id.",
    tag: TAG,
    doors: "tenant",
    access: "deliveries:write",
    adds: "nothing",
    params: deliveryParams,
    response: { status: 202, description: "It is due again.", schema: Delivery },
    problems: ["delivery-state"],
  }),
  {
    handle: (ctx, { params }) => resend(ctx, params.id, params.delivery_id),
    present: (delivery) => ({ body: presentDelivery(delivery) }),
  },
);

mount(
  deliveriesRouter,
  endpoint({
    method: "post",
    path: "/destinations/{id}/resend",
    operationId: "resendDeliveries",
    summary: "Send many deliveries once more",
    tag: TAG,
    doors: "tenant",
    access: "deliveries:write",
    adds: "nothing",
    params: idParams("destination"),
    body: ResendSelection,
    response: { status: 202, description: "How many.", schema: BulkResend },
    problems: ["delivery-state", "conflict"],
  }),
  {
    handle: (ctx, { params, body: { dry_run, ...filters } }) =>
      resendMatching(ctx, params.id, filters, dry_run),
    present: (counts) => ({ body: counts }),
  },
);

mount(
  deliveriesRouter,
  endpoint({
    method: "post",
    path: "/destinations/{id}/test",
    operationId: "testDestination",
    summary: "Send a sample event to a destination",
    description: "Signed, tried and logged like any other, whatever types the destination wants.",
    tag: TAG,
    doors: "tenant",
    access: "deliveries:write",
    params: idParams("destination"),
    body: SampleEvent,
    response: { status: 202, description: "Its delivery.", schema: Delivery },
    problems: ["delivery-state"],
  }),
  {
    handle: (ctx, { params, body }) => sendSample(ctx, params.id, body),
    present: (delivery) => ({ body: presentDelivery(delivery) }),
  },
);
