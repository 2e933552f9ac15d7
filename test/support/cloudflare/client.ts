import { request } from "node:http";
import type { StandIn } from "./stand-in.ts";

/** An answer of the stand-in's, its envelope taken off. */
export interface Said {
  status: number;
  /** Codes of what is wrong; none with a success. */
  codes: number[];
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the call answers
  result: any;
}

/** Calls the stand-in as a program that is not wrangler; `account/` stands for the account's path. */
export async function call(
  { url, account }: StandIn,
  method: string,
  path: string,
  body?: unknown,
): Promise<Said> {
  const isForm = body instanceof FormData;
  const response = await fetch(`${url}/${path.replace(/^account\//, `accounts/${account.id}/`)}`, {
    method,
    headers: {
      authorization: `Bearer ${account.token}`,
      ...(isForm ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  const envelope = (await response.json()) as { result: unknown; errors: { code: number }[] };
  const codes = envelope.errors.map(({ code }) => code);
  return { status: response.status, codes, result: envelope.result };
}

/** The form of an upload: a Worker of one module, with the given metadata beside. */
export function uploadOf(code: string, metadata: Record<string, unknown> = {}): FormData {
  const form = new FormData();
  const all = { main_module: "index.js", compatibility_date: "2026-10-01", ...metadata };
  form.set("metadata", JSON.stringify(all));
  form.set("index.js", new File([code], "index.js", { type: "application/javascript+module" }));
  return form;
}

/** Asks what is deployed, as a browser would: `Host` chooses the Worker. */
export function visit(
  { edge }: StandIn,
  host: string,
  path = "/",
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: edge, path, headers: { host }, agent: false };
    request(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    })
      .on("error", reject)
      .end();
  });
}
