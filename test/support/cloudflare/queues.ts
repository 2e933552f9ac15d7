import { z } from "zod";
import { type Account, type Consumer, hexId, type Queue } from "./account.ts";
import { type Call, type Endpoint, endpoint, Fault, pageOf } from "./endpoint.ts";

const QUEUE = "/accounts/:account/queues/:queue";

const ConsumerBody = z.strictObject({
  type: z.literal("worker"),
  script_name: z.string(),
  dead_letter_queue: z.string().optional(),
  settings: z
    .strictObject({
      batch_size: z.number().int().min(1).max(100).optional(),
      max_concurrency: z.number().int().min(1).max(250).nullish(),
      max_retries: z.number().int().min(0).max(100).optional(),
      max_wait_time_ms: z.number().int().min(0).max(60_000).optional(),
      retry_delay: z.number().int().optional(),
    })
    .optional(),
});
type ConsumerBody = z.infer<typeof ConsumerBody>;

/** Queues and the Workers that consume them. */
export const QUEUE_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET /accounts/:account/queues", {
    wranglerFields: ["name"],
    query: z.strictObject({ page: z.string().optional() }) as z.ZodType<Record<string, string>>,
    answer: ({ queues }, call) => {
      const names = new URL(call.path, "http://local").searchParams.getAll("name");
      const found = queues.filter(
        ({ queue_name }) => names.length === 0 || names.includes(queue_name),
      );
      return pageOf(found.map(shown), call.query);
    },
  }),
  endpoint("POST /accounts/:account/queues", {
    body: z.strictObject({ queue_name: z.string().regex(/^[a-z0-9-]{1,63}$/) }),
    answer: ({ queues }, { body }) => {
      if (queues.some(({ queue_name }) => queue_name === body.queue_name)) {
        throw new Fault(409, 11_009, `The queue ${body.queue_name} is there already.`);
      }
      const queue: Queue = {
        queue_id: hexId(),
        queue_name: body.queue_name,
        created_on: new Date().toISOString(),
        consumers: [],
      };
      queues.push(queue);
      return { result: shown(queue) };
    },
  }),
  endpoint(`GET ${QUEUE}`, {
    answer: (account, call) => ({ result: shown(queueOf(account, call)) }),
  }),
  endpoint(`GET ${QUEUE}/consumers`, {
    answer: (account, call) => ({ result: shown(queueOf(account, call)).consumers }),
  }),
  endpoint(`POST ${QUEUE}/consumers`, {
    body: ConsumerBody,
    answer: (account, call) => {
      const queue = queueOf(account, call);
      if (queue.consumers.length > 0) {
        throw new Fault(409, 11_004, `The queue ${queue.queue_name} has its consumer already.`);
      }
      const consumer = consumerFrom(account, call.body, hexId());
      queue.consumers.push(consumer);
      account.runtime.changed();
      return { result: shownConsumer(queue, consumer) };
    },
  }),
  endpoint(`PUT ${QUEUE}/consumers/:consumer`, {
    body: ConsumerBody,
    answer: (account, call) => {
      const queue = queueOf(account, call);
      const index = queue.consumers.findIndex(
        ({ consumer_id }) => consumer_id === call.params.consumer,
      );
      if (index < 0) throw new Fault(404, 11_001, "There is no such consumer.");
      const consumer = consumerFrom(account, call.body, call.params.consumer as string);
      queue.consumers[index] = consumer;
      account.runtime.changed();
      return { result: shownConsumer(queue, consumer) };
    },
  }),
];

function consumerFrom(account: Account, body: ConsumerBody, id: string): Consumer {
  if (!account.scripts.has(body.script_name)) {
    throw new Fault(400, 11_003, `There is no Worker ${body.script_name}.`);
  }
  const grave = body.dead_letter_queue;
  if (grave !== undefined && !account.queues.some(({ queue_name }) => queue_name === grave)) {
    throw new Fault(400, 11_008, `There is no queue ${grave} for dead letters.`);
  }
  const { max_concurrency, ...settings } = body.settings ?? {};
  return {
    consumer_id: id,
    script: body.script_name,
    dead_letter_queue: grave,
    settings: { ...settings, max_concurrency: max_concurrency ?? undefined },
  };
}

function queueOf({ queues }: Account, { params }: Call): Queue {
  const queue = queues.find(({ queue_id }) => queue_id === params.queue);
  if (!queue) throw new Fault(404, 11_000, "There is no such queue.");
  return queue;
}

function shown(queue: Queue) {
  const consumers = queue.consumers.map((consumer) => shownConsumer(queue, consumer));
  return { ...queue, consumers, consumers_total_count: consumers.length };
}

/** wrangler reads `script`; the schema says `script_name`. */
function shownConsumer(queue: Queue, consumer: Consumer) {
  return {
    ...consumer,
    type: "worker",
    script_name: consumer.script,
    queue_name: queue.queue_name,
  };
}
