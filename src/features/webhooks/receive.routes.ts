import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { Failure } from "../../platform/problems.ts";
import { serviceParams } from "../services/index.ts";
import { receive } from "./receive.service.ts";
import { MOST_EVENTS, receiveBatch } from "./receive-batch.service.ts";
import { sendTest } from "./send-test.service.ts";
import { presentBatch, presentReceipt } from "./webhooks.present.ts";
import { BatchReceipt, Receipt, TestEvent } from "./webhooks.schemas.ts";

const TAG = "Webhooks";
const REFUSALS = [
  "invalid-signature",
  "invalid-timestamp",
  "content-too-large",
  "malformed-json",
  "malformed-request",
  "other-route",
  "webhooks-limited",
  "outcome-unknown",
] as const;

export const receiveRouter = createRouter();

mount(
  receiveRouter,
  endpoint({
    method: "post",
    path: "/webhooks/{service}",
    operationId: "receiveWebhook",
    summary: "Take in a webhook",
    description:
      "What is answered 2xx is stored, and takes effect once however often it is sent. A suspended " +
      "tenant's webhooks are stored and held.",
    tag: TAG,
    doors: "tenant",
    access: "signature",
    params: serviceParams,
    raw: {
      description: "Whatever the service sends: the signature is checked over these very bytes.",
      mediaTypes: ["application/json", "application/x-www-form-urlencoded"],
    },
    response: {
      status: 202,
      description: "It is stored.",
      also: { 200: "It was stored before, or is a question that this answers." },
      schema: Receipt,
    },
    problems: REFUSALS,
    idempotency: "off",
  }),
  {
    handle: (ctx, { params, raw }) => orTryAgain(receive(ctx, params.service, raw)),
    present: answer,
  },
);

mount(
  receiveRouter,
  endpoint({
    method: "post",
    path: "/webhooks/{service}/batch",
    operationId: "receiveWebhookBatch",
    summary: "Take in many webhooks at once",
    description: `One signed body of at most 1.5 MB: a list of at most ${MOST_EVENTS} events, or an \
object with such a list as \`events\`. Each has its own outcome.`,
    tag: TAG,
    doors: "tenant",
    access: "signature",
    params: serviceParams,
    raw: {
      description: "The signed list: the signature is checked over these very bytes.",
      mediaTypes: ["application/json"],
    },
    response: { status: 202, description: "What became of each.", schema: BatchReceipt },
    problems: REFUSALS,
    idempotency: "off",
  }),
  {
    handle: (ctx, { params, raw }) => orTryAgain(receiveBatch(ctx, params.service, raw)),
    present: (outcomes) => ({ body: presentBatch(outcomes) }),
  },
);

mount(
  receiveRouter,
  endpoint({
    method: "post",
    path: "/webhooks/{service}/test",
    operationId: "sendTestWebhook",
    summary: "Send oneself a signed sample",
    description: "It goes the whole way: verified, stored, processed.",
    tag: TAG,
    doors: "tenant",
    access: "webhooks:write",
    params: serviceParams,
    body: TestEvent,
    response: {
      status: 202,
      description: "It is stored.",
      also: { 200: "Its body is that of an earlier one, and its scheme signs no id." },
      schema: Receipt,
    },
    problems: ["content-too-large", "other-route", "outcome-unknown"],
    idempotency: "off",
  }),
  {
    handle: (ctx, { params, body }) => sendTest(ctx, params.service, body),
    present: answer,
  },
);

/** What nobody expected is our fault, and passes: the sender is to come again. */
async function orTryAgain<T>(receiving: Promise<T>): Promise<T> {
  try {
    return await receiving;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("outcome-unknown", undefined, { cause: error });
  }
}

/** 202 is for what was not there before. */
function answer(receipt: Awaited<ReturnType<typeof receive>>) {
  const status = receipt.status === "accepted" ? 202 : 200;
  return { body: presentReceipt(receipt), status } as const;
}
