import { describe, expect, it } from "vitest";
import { type Bindings, settingsOf } from "../../../src/env.ts";
import { addressFault } from "../../../src/platform/outbound/index.ts";
import { showFigures } from "../../support/figures.ts";
import { bindings } from "../../support/worker.ts";

const settings = (ENVIRONMENT: string, BASE_URL: string) =>
  settingsOf({
    ...bindings,
    ENVIRONMENT,
    BASE_URL,
    PASSWORD_SCRYPT_LN: "14",
    LOG_LEVEL: "info",
    ANONYMOUS_PER_MINUTE: "120",
    TENANT_SCHEMA: undefined,
  } as Bindings);

const PRODUCTION = settings("production", "https://rowhouse.example");
const TEST = settings("test", "http://rowhouse.test");
const DEVELOPMENT = settings("development", "http://localhost:8787");

const NETWORK = "must not lead into a private or special network";
const NO_HTTPS = "must be an https URL";
const PORT = "must not name a port that other services than the web's use";
const NAME = "must have a full host name";
const DOT = "must not have a host that ends with a dot";
const OURS = "must not be this platform itself";
const USER = "must not hold a user name or password";

/** By what is wrong with them, each as somebody may write it. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  [NETWORK]: [
    // 127.0.0.1, in all the ways that the parser understands.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7F.0x0.0x0.0x1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0x7f.1/",
    "https://127.0.0.1./",
    "https://%31%32%37.0.0.1/",
    "https://127%2e0%2e0%2e1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://１２７.0.0.1/",
    "https:\\\\127.0.0.1\\",
    "https:127.0.0.1",
    "https:////127.0.0.1/",
    "https://127.0.0.1\t/",
    "https://127.255.255.254/",
    // Ranges of IPv4 that are not the internet's.
    "https://0.0.0.0/",
    "https://0/",
    "https://0.1.2.3/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://167772161/",
    "https://100.64.0.1/",
    "https://100.127.255.254/",
    "https://100.100.100.200/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://2852039166/",
    "https://169.254.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://192.168.0.1/",
    "https://192.168.65535/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://168.63.129.16/",
    // IPv6.
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "https://[fe80::1]/",
    "https://[febf::1]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fd12:3456:789a::1]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[100::1]/",
    "https://[2001:2::1]/",
    "https://[2001:10::1]/",
    "https://[2001:20::1]/",
    "https://[5f00::1]/",
    "https://[4000::1]/",
    // IPv4 in IPv6: mapped, compatible, NAT64, translated, 6to4, Teredo.
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:10.0.0.1]/",
    "https://[::FFFF:A9FE:A9FE]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[::7f00:1]/",
    "https://[::169.254.169.254]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[64:ff9b:1:ffff::1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a00:1::1]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    // Names that lead nowhere else.
    "https://api.localhost/",
    "https://api.LocalHost/",
    "https://printer.local/",
    "https://host.localdomain/",
    "https://metadata.google.internal/",
    "https://METADATA.google.internal/",
    "https://instance-data.ec2.internal/",
    "https://host.docker.internal/",
    "https://metadata.goog/",
    "https://router.home.arpa/",
    "https://nas.lan/",
    "https://git.corp/",
    "https://wiki.intranet/",
    "https://db.private/",
    "https://kubernetes.default.svc/",
    "https://kubernetes.default.svc.cluster.local/",
  ],
  [NAME]: [
    "https://localhost/",
    "https://LOCALHOST/",
    "https://metadata/",
    "https://intranet/",
    "https://com/",
    "https://%6c%6f%63%61%6c%68%6f%73%74/",
  ],
  [DOT]: [
    "https://api.example.com./",
    "https://metadata.google.internal./",
    "https://localhost./",
    "https://api.example.com../",
  ],
  [NO_HTTPS]: [
    "http://api.example.com/",
    "HTTP://api.example.com/",
    "ftp://api.example.com/",
    "file:///etc/passwd",
    "ws://api.example.com/",
    "wss://api.example.com/",
    "gopher://api.example.com/",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "blob:https://api.example.com/1",
    "ssh://api.example.com/",
  ],
  [USER]: [
    "https://user:pass@api.example.com/",
    "https://user@api.example.com/",
    "https://:pass@api.example.com/",
    "https://api.example.com@127.0.0.1/",
    "https://api.example.com%2f@127.0.0.1/",
  ],
  [PORT]: [
    "https://api.example.com:0/",
    "https://api.example.com:22/",
    "https://api.example.com:25/",
    "https://api.example.com:80/",
    "https://api.example.com:1023/",
    "https://api.example.com:2049/",
    "https://api.example.com:2375/",
    "https://api.example.com:3306/",
    "https://api.example.com:5432/",
    "https://api.example.com:6000/",
    "https://api.example.com:6379/",
    "https://api.example.com:9200/",
    "https://api.example.com:10250/",
    "https://api.example.com:11211/",
    "https://api.example.com:27017/",
  ],
  [OURS]: [
    "https://rowhouse.example/",
    "https://ROWHOUSE.example/",
    "https://rowhouse.example./",
    "https://rowhouse.example:8443/",
    "https://acme.rowhouse.example/",
    "https://Acme.RowHouse.Example./",
    "https://acme.rowhouse.example:4443/",
    "https://api.rowhouse.example/",
    "https://a.b.rowhouse.example/",
    "https://%61cme.rowhouse.example/",
    "https://acme。rowhouse.example/",
    "https://ａcme.rowhouse.example/",
  ],
  "must not have a fragment": ["https://api.example.com/#part"],
};

const ALLOWED = [
  "https://api.example.com/",
  "https://api.example.com:443/",
  "https://api.example.com:8443/v1?a=b",
  "https://api.example.com:1024/",
  "https://api.example.com:8080/",
  "https://bücher.example/",
  "https://8.8.8.8/",
  "https://9.255.255.255/",
  "https://11.0.0.1/",
  "https://100.63.255.255/",
  "https://100.128.0.1/",
  "https://172.15.255.255/",
  "https://172.32.0.1/",
  "https://192.167.1.1/",
  "https://198.17.0.1/",
  "https://198.20.0.1/",
  "https://[2606:4700:4700::1111]/",
  "https://[2a00:1450:4001::200e]/",
  // Alike, and nobody's door.
  "https://notrowhouse.example/",
  "https://rowhouse.example.com/",
  "https://rowhouse.example.evil.com/",
  "https://xn--localhost.example/",
  "https://local.example/",
  "https://10.0.0.1.example/",
];

describe("an address in production", () => {
  for (const [fault, urls] of Object.entries(REFUSED)) {
    it.each(urls)(`%s ${fault}`, (url) => {
      expect(addressFault(new URL(url), PRODUCTION)).toBe(fault);
    });
  }

  it.each(ALLOWED)("%s may be called", (url) => {
    expect(addressFault(new URL(url), PRODUCTION)).toBeNull();
  });

  it("was looked at in this many spellings", ({ task }) => {
    const refused = Object.values(REFUSED).flat();
    expect(new Set(refused).size).toBe(refused.length);
    showFigures(task, `addresses: ${refused.length} refused, ${ALLOWED.length} allowed`);
    expect(refused.length).toBeGreaterThanOrEqual(80);
  });
});

/** Where http and loopback are allowed besides; the rest is as in production. */
const LOCAL = [
  ["http://127.0.0.1:9999/", null],
  ["http://127.1:9999/", null],
  ["http://127.8.9.10/", null],
  ["http://localhost:9999/", null],
  ["http://[::1]:9999/", null],
  ["http://api.example.com/", null],
  ["http://10.0.0.1/", NETWORK],
  ["http://169.254.169.254/", NETWORK],
  ["http://[::ffff:127.0.0.1]:9999/", NETWORK],
  ["http://0.0.0.0:9999/", NETWORK],
  ["http://metadata.google.internal/", NETWORK],
  ["http://127.0.0.1:6379/", PORT],
  ["http://127.0.0.1:22/", PORT],
  ["http://localhost.:9999/", DOT],
  ["file:///etc/passwd", NO_HTTPS],
  ["http://user@127.0.0.1:9999/", USER],
] as const;

describe("an address in tests", () => {
  it.each([
    ...LOCAL,
    ["http://rowhouse.test/", OURS],
    ["http://acme.rowhouse.test:9999/", OURS],
    ["http://ACME.rowhouse.test./", OURS],
  ] as const)("%s: %s", (url, fault) => {
    expect(addressFault(new URL(url), TEST)).toBe(fault);
  });
});

describe("an address in development", () => {
  it.each([
    ...LOCAL,
    // The platform listens here, by whatever name it is called.
    ["http://localhost:8787/", OURS],
    ["http://acme.localhost:8787/", OURS],
    ["http://127.0.0.1:8787/", OURS],
    ["http://2130706433:8787/", OURS],
    ["http://[::1]:8787/", OURS],
    ["http://acme.localhost.:8787/", OURS],
    ["http://acme.localhost:9999/", NETWORK],
  ] as const)("%s: %s", (url, fault) => {
    expect(addressFault(new URL(url), DEVELOPMENT)).toBe(fault);
  });
});
