/** Signatures that others have published, as facts. */
import type { SchemeName } from "../../../src/platform/signatures/index.ts";

interface Vector {
  readonly scheme: SchemeName;
  readonly source: string;
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** When it was made, in milliseconds; 0 where the scheme has no clock. */
  readonly at: number;
}

export const VECTORS: readonly Vector[] = [
  {
    scheme: "standard-webhooks",
    source: "standard-webhooks/standard-webhooks, libraries/javascript/src/webhook.test.ts",
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    headers: {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    body: '{"test": 2432232314}',
    at: 1_614_265_330_000,
  },
  {
    scheme: "github",
    source: "GitHub's documentation, validating webhook deliveries",
    secret: "It's a Secret to Everybody",
    headers: {
      "x-hub-signature-256":
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    },
    body: "Hello, World!",
    at: 0,
  },
  {
    scheme: "github",
    source: "octokit/webhooks-methods.js, test/sign.test.ts",
    secret: "mysecret",
    headers: {
      "x-hub-signature-256":
        "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3",
    },
    body: '{"foo":"bar"}',
    at: 0,
  },
];
