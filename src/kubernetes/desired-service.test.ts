import { describe, expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import { desiredService, type ServiceObject } from "./desired-service.ts";

const OBJECT: ServiceObject = {
  namespace: "shop",
  name: "web.v1",
  uid: "u1",
  segment: "web",
  ports: [{ protocol: "tcp", port: 80, targetPort: "http" }],
};
const SEGMENTS = new Map([
  ["web", { labels: new Map([["app", "web"]]), isUsed: true }],
  ["db", { labels: new Map([["app", "db"]]), isUsed: true }],
]);
const KNOWN = {
  name: "shop.web.v1",
  network: "default",
  tenant: "shop",
  segment: "db",
  addresses: { ipv4: parseAddress("10.96.0.1") },
  ports: OBJECT.ports,
};

describe("desiredService()", () => {
  test("is what the object says, and belongs to it", () => {
    const more = { affinity: "client", prefer: "local", dnsName: "web.shop" } as const;
    expect(desiredService({ ...OBJECT, ...more }, SEGMENTS, undefined)).toEqual({
      name: "shop.web.v1",
      tenant: "shop",
      segment: "web",
      ports: [{ protocol: "tcp", port: 80, targetPort: "http" }],
      affinity: "client",
      prefer: "local",
      dnsName: "web.shop",
      externalId: "romana.io/u1",
    });
  });

  test("a selector finds the segment", () => {
    const { segment: _, ...rest } = OBJECT;
    const wanted = desiredService({ ...rest, selector: { matchLabels: { app: "db" } } }, SEGMENTS, undefined);
    expect(wanted).toMatchObject({ segment: "db" });
    expect(wanted).not.toHaveProperty("selector");
  });

  test.each<[string, Partial<ServiceObject>, string]>([
    ["no such segment", { segment: "nothing" }, "NoSegment"],
    ["another network", { network: "other" }, "NetworkFixed"],
    ["other addresses", { addresses: { ipv4: parseAddress("10.96.0.2") } }, "AddressesFixed"],
    [
      "one more address",
      { addresses: { ...KNOWN.addresses, ipv6: parseAddress("fd00::1") } },
      "AddressesFixed",
    ],
  ])("refused: %s", (_, change, reason) => {
    expect(desiredService({ ...OBJECT, ...change }, SEGMENTS, KNOWN)).toMatchObject({ reason });
  });

  test("what romanad has chosen may be written down afterwards, and where traffic goes may change", () => {
    const object = { ...OBJECT, network: "default", addresses: { ipv4: parseAddress("10.96.0.1") } };
    expect(desiredService(object, SEGMENTS, KNOWN)).toMatchObject({ network: "default", segment: "web" });
  });
});
