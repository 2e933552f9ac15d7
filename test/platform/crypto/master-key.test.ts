import { createHmac, hkdfSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { toBase64Url, toHex, utf8 } from "../../../src/platform/crypto/encoding.ts";
import { parseMasterKey, UnknownKeyId } from "../../../src/platform/crypto/master-key.ts";

const raw = (fill: number) => new Uint8Array(32).fill(fill);
const key = (fill: number) => toBase64Url(raw(fill));

async function mac(derived: CryptoKey): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.sign("HMAC", derived, utf8("probe"))));
}

describe("parseMasterKey", () => {
  it("takes the first key as the current one and keeps the others", () => {
    const master = parseMasterKey(`2026-11:${key(1)}, 2025-11:${key(2)}`);
    expect(master.currentKid).toBe("2026-11");
    expect(master.kids).toEqual(["2026-11", "2025-11"]);
  });

  const secret = key(7);
  it.each([
    ["nothing", "", 1],
    ["a key without an id", secret, 1],
    ["an empty id", `:${secret}`, 1],
    ["a key in the place of the id", `${secret}:${secret}`, 1],
    ["an id with a dot", `a.b:${secret}`, 1],
    ["the reserved id", `current:${secret}`, 1],
    ["three parts", `a:${secret}:b`, 1],
    ["a short key", `a:${secret.slice(0, 40)}`, 1],
    ["a long key", `a:${toBase64Url(new Uint8Array(33).fill(7))}`, 1],
    ["padding", `a:${secret}=`, 1],
    ["a bad second entry", `a:${key(1)},b:${secret.slice(0, 20)}`, 2],
    ["an id used twice", `a:${key(1)},a:${secret}`, 2],
    ["a comma at the end", `a:${secret},`, 2],
  ])("refuses %s without repeating it", (_, setting, entry) => {
    let message = "";
    try {
      parseMasterKey(setting);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(`MASTER_KEY, entry ${entry}: `);
    expect(message).not.toContain(secret.slice(0, 8));
  });

  it("shows no key material to a logger", () => {
    const master = parseMasterKey(`a:${secret}`);
    expect(JSON.stringify(master)).toBe('{"currentKid":"a","kids":["a"]}');
  });
});

describe("derive", () => {
  const master = parseMasterKey(`new:${key(1)},old:${key(2)}`);

  it("is HKDF-SHA-256 over the master key, the use and the info", async () => {
    const info = "hmac-sha256:cursor";
    const expected = hkdfSync("sha256", raw(2), "rowhouse/master-key/v1", info, 32);
    const hmac = createHmac("sha256", new Uint8Array(expected)).update("probe").digest("hex");
    expect(await mac(await master.derive("old", "cursor", "hmac-sha256"))).toBe(hmac);
  });

  it("tells master keys and infos apart", async () => {
    const keys = [
      await master.derive("current", "a", "hmac-sha256"),
      await master.derive("current", "b", "hmac-sha256"),
      await master.derive("old", "a", "hmac-sha256"),
    ];
    expect(new Set(await Promise.all(keys.map(mac))).size).toBe(3);
  });

  it("gives keys for their use only, which cannot be read out", async () => {
    const sealing = await master.derive("current", "a", "aes-gcm");
    expect(sealing.algorithm).toEqual({ name: "AES-GCM", length: 256 });
    expect(sealing.extractable).toBe(false);
    expect([...sealing.usages].sort()).toEqual(["decrypt", "encrypt"]);
    const signing = await master.derive("current", "a", "hmac-sha256");
    expect(signing.extractable).toBe(false);
  });

  it("derives once and then remembers", async () => {
    const first = await master.derive("current", "remembered", "aes-gcm");
    expect(await master.derive("new", "remembered", "aes-gcm")).toBe(first);
  });

  it("forgets the key that was idle longest, past 1,000 of them", async () => {
    const fresh = parseMasterKey(`a:${key(3)}`);
    const idle = await fresh.derive("a", "idle", "aes-gcm");
    const busy = await fresh.derive("a", "busy", "aes-gcm");
    for (let i = 0; i < 999; i += 1) {
      await fresh.derive("a", `tenant-${i}`, "aes-gcm");
      await fresh.derive("a", "busy", "aes-gcm");
    }
    expect(await fresh.derive("a", "busy", "aes-gcm")).toBe(busy);
    expect(await fresh.derive("a", "idle", "aes-gcm")).not.toBe(idle);
  });

  it("refuses an id that the setting does not list", async () => {
    await expect(master.derive("gone", "a", "aes-gcm")).rejects.toBeInstanceOf(UnknownKeyId);
  });
});
