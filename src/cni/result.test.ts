import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createResult, parseResult } from "./result.ts";
import { ATTACHMENT } from "./scripted-port.case.ts";
import { SUPPORTED_VERSIONS } from "./versions.ts";

const PLACE = { netns: "/run/netns/c1", interfaceName: "eth0" };

describe("createResult()", () => {
  test.each([
    [
      "0.3.1",
      { version: "4", interface: 1, address: "10.1.1.27/32", gateway: "10.1.0.1" },
      { name: "rom0a01011b" },
    ],
    [
      "0.4.0",
      { version: "4", interface: 1, address: "10.1.1.27/32", gateway: "10.1.0.1" },
      { name: "rom0a01011b" },
    ],
    ["1.0.0", { interface: 1, address: "10.1.1.27/32", gateway: "10.1.0.1" }, { name: "rom0a01011b" }],
    [
      "1.1.0",
      { interface: 1, address: "10.1.1.27/32", gateway: "10.1.0.1" },
      { name: "rom0a01011b", mtu: 1500 },
    ],
  ] as const)("writes version %s", (version, ip, device) => {
    const result = createResult(version, ATTACHMENT, PLACE, undefined, undefined);
    expect([
      result["cniVersion"],
      (result["ips"] as unknown[])[0],
      (result["interfaces"] as unknown[])[0],
    ]).toEqual([version, ip, device]);
  });

  test("leaves out a family that there is none of", () => {
    const alone = {
      ...ATTACHMENT,
      endpoint: { addresses: { ipv6: "fd00::27" } },
      gateways: { ipv6: "fd00::1" },
    };
    const { ips, routes } = createResult("1.0.0", alone, PLACE, undefined, undefined);
    expect([ips, routes]).toEqual([
      [{ interface: 1, address: "fd00::27/128", gateway: "fd00::1" }],
      [{ dst: "::/0", gw: "fd00::1" }],
    ]);
  });

  test.each<[string, object | undefined, object | undefined, object]>([
    ["those of before", { domain: "a" }, { domain: "b" }, { domain: "a" }],
    ["its own when there were none", {}, { domain: "b" }, { domain: "b" }],
    ["none", undefined, undefined, {}],
  ])("has the DNS settings: %s", (_, before, own, dns) => {
    const previous = before === undefined ? undefined : parseResult({ dns: before });
    const result = createResult(
      "1.0.0",
      ATTACHMENT,
      PLACE,
      previous,
      own as Record<string, unknown> | undefined,
    );
    expect(result["dns"]).toEqual(dns);
  });

  const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 4 });
  const previous = fc.record({ interfaces: objects, ips: objects, routes: objects });
  test("keeps all that came before, and points to its own interface behind it", () => {
    fc.assert(
      fc.property(previous, fc.constantFrom(...SUPPORTED_VERSIONS), (before, version) => {
        const result = createResult(version, ATTACHMENT, PLACE, parseResult(before), undefined);
        const { interfaces, ips, routes } = result as typeof before;
        expect(interfaces.slice(0, before.interfaces.length)).toEqual(before.interfaces);
        expect(ips.slice(0, before.ips.length)).toEqual(before.ips);
        expect(routes.slice(0, before.routes.length)).toEqual(before.routes);
        for (const ip of ips.slice(before.ips.length)) {
          expect(interfaces[ip["interface"] as number]).toMatchObject({ name: "eth0", sandbox: PLACE.netns });
        }
      }),
    );
  });
});
