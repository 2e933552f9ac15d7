import { beforeAll, describe, expect, it } from "vitest";
import {
  isMasked,
  shownSettings,
  unmaskedSettings,
} from "../../../src/features/services/notification-url.ts";
import { call, newTenant, problemOf, type TestTenant } from "../../support/client.ts";
import { deliver, SECRET, signed } from "../../support/webhooks.ts";

const of = (notification_url: string) => ({ scheme: "twilio", notification_url }) as const;

describe("a URL with user and password", () => {
  it.each([
    ["https://user:pass@acme.example/sms?a=1", "https://***@acme.example/sms?a=1"],
    ["http://user@acme.example:8080/", "http://***@acme.example:8080/"],
    ["https://:pass@acme.example", "https://***@acme.example"],
    ["https://us@er:p@ss@acme.example/", "https://***@acme.example/"],
    ["https:///user:pass@acme.example/", "https:///***@acme.example/"],
    ["https://\\user:pass@acme.example/", "https://\\***@acme.example/"],
  ])("%s is shown as %s", (url, shown) => {
    const { password, username } = new URL(url);
    expect(username + password).not.toBe("");
    expect(shownSettings(of(url))).toEqual(of(shown));
    expect(new URL(shown)).toMatchObject({ username: "***", password: "" });
    expect([isMasked(of(url)), isMasked(of(shown))]).toEqual([false, true]);
    expect(unmaskedSettings(of(shown), of(url))).toEqual(of(url));
  });

  it.each([
    "https://acme.example/@user:pass@",
    "https://acme.example?to=a@b",
    "https://acme.example\\@b",
    "https://acme.example:8443/sms",
  ])("is not %s, which is shown as it is", (url) => {
    expect(new URL(url).username).toBe("");
    expect(shownSettings(of(url))).toEqual(of(url));
    expect(isMasked(of(url))).toBe(false);
  });

  it("is kept for no other URL than its own", () => {
    const stored = of("https://user:pass@acme.example/sms");
    const other = of("https://***@evil.example/sms");
    expect(unmaskedSettings(other, stored)).toEqual(other);
    expect(unmaskedSettings({ scheme: "stripe" }, stored)).toEqual({ scheme: "stripe" });
    expect(unmaskedSettings(other, { scheme: "stripe" })).toEqual(other);
    expect(unmaskedSettings(other, null)).toEqual(other);
  });
});

describe("a service with such a URL", () => {
  const PASSWORD = "canary-of-basic-auth";
  const URL_SENT = `https://hook:${PASSWORD}@public.example/square`;
  const URL_SHOWN = "https://***@public.example/square";
  let acme: TestTenant;
  beforeAll(async () => {
    acme = await newTenant();
  });
  const as = (method: string, path: string, body?: unknown) =>
    call(method, `${acme.api}${path}`, { token: acme.admin.token, body });
  const square = (notification_url: string) => ({ scheme: "square", notification_url });
  const arrives = async (slug: string, url: string) => {
    const service = { slug, url: `${acme.api}/webhooks/${slug}`, secret: SECRET };
    const body = JSON.stringify({ event_id: crypto.randomUUID(), type: "a" });
    return (await deliver(await signed({ ...service, settings: square(url) as never }, body)))
      .status;
  };

  it("verifies by it and never shows it, in answers or audit rows", async () => {
    const body = { slug: "square", name: "Square" };
    const webhook = { ...square(URL_SENT), secrets: [SECRET] };
    const replies = [
      await as("POST", "/services", { ...body, webhook }),
      await as("GET", "/services/square"),
      await as("PUT", "/services/square", { webhook: { ...square(URL_SENT), max_attempts: 2 } }),
      await as("PUT", "/services/square", { name: "Other" }),
    ];
    for (const { json } of replies) expect(json.webhook.notification_url).toBe(URL_SHOWN);
    expect(await arrives("square", URL_SENT)).toBe(202);
    expect(await arrives("square", URL_SHOWN)).toBe(401);
    const lists = [
      await as("GET", "/services"),
      await as("GET", "/audit?limit=100"),
      await as("DELETE", "/services/square"),
      await as("GET", "/audit?limit=100"),
    ];
    expect(lists[1]?.text).toContain(URL_SHOWN);
    for (const { text } of [...replies, ...lists]) expect(text).not.toContain(PASSWORD);
  });

  it("keeps it when it is sent back as it was shown, and refuses it in another", async () => {
    const webhook = { ...square(URL_SENT), secrets: [SECRET] };
    await as("POST", "/services", { slug: "kept", name: "Kept", webhook });
    const kept = await as("PUT", "/services/kept", { webhook: square(URL_SHOWN) });
    expect(kept.status, kept.text).toBe(200);
    expect(await arrives("kept", URL_SENT)).toBe(202);
    const moved = square("https://***@public.example/other");
    const added = { slug: "new", name: "New", webhook: { ...moved, secrets: [SECRET] } };
    for (const reply of [
      await as("PUT", "/services/kept", { webhook: moved }),
      await as("POST", "/services", added),
    ]) {
      expect(problemOf(reply)).toBe("validation-failed");
      expect(reply.json.errors).toMatchObject([{ pointer: "/webhook/notification_url" }]);
      expect(reply.text).not.toContain(PASSWORD);
    }
    expect(await arrives("kept", URL_SENT)).toBe(202);
  });
});
