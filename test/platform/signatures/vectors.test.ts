import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/platform/crypto/encoding.ts";
import { sign, verify } from "../../../src/platform/signatures/index.ts";
import { VECTORS } from "./vectors.ts";

const url = "https://acme.rowhouse.test/webhooks/provider";

describe.each(VECTORS)("the published vector of $source", (vector) => {
  const settings = { scheme: vector.scheme };
  const body = utf8(vector.body);

  it("is verified", async () => {
    const request = { url, headers: new Headers(vector.headers), body };
    expect(await verify(settings, [vector.secret], request, vector.at)).toBeNull();
    expect(await verify(settings, [`${vector.secret}BBBB`], request, vector.at)).toBe(
      "signature-mismatch",
    );
  });

  it("is made from its secret", async () => {
    const id = vector.headers["webhook-id"] ?? "an id";
    const message = { url, body, contentType: "application/json", id, eventType: "ping" };
    const { headers } = await sign(settings, vector.secret, message, vector.at);
    expect(Object.fromEntries(headers)).toMatchObject(vector.headers);
  });
});
