import { describe, expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import { deviceName, isOwnDeviceName } from "./device-name.ts";

describe("deviceName()", () => {
  test.each([
    [{ ipv4: "10.1.1.27" }, "rom0a01011b"],
    [{ ipv4: "10.1.1.27", ipv6: "fd00::1" }, "rom0a01011b"],
    [{ ipv4: "0.0.0.1" }, "rom00000001"],
    [{ ipv6: "fd00::1" }, "romcb2a2b4daa42"],
  ])("%j", ({ ipv4, ipv6 }: { ipv4?: string; ipv6?: string }, name) => {
    const pair = {
      ...(ipv4 !== undefined && { ipv4: parseAddress(ipv4) }),
      ...(ipv6 !== undefined && { ipv6: parseAddress(ipv6) }),
    };
    expect(deviceName(pair)).toBe(name);
    expect(isOwnDeviceName(name)).toBe(true);
  });

  test("refuses an endpoint without an address", () => {
    expect(() => deviceName({})).toThrow("Cannot name device: addresses: there is none");
  });
});

describe("isOwnDeviceName()", () => {
  test.each(["rom", "romana-gw", "rom0a01011", "rom0a01011b0", "ROM0A01011B", "eth0", "xrom0a01011b"])(
    "%s is not",
    (name) => {
      expect(isOwnDeviceName(name)).toBe(false);
    },
  );
});
