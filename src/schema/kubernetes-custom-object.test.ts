import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { formatAddress, formatPrefix } from "../net/index.ts";
import { decodeCustomChain } from "./kubernetes-custom-chain.ts";
import { decodeCustomService } from "./kubernetes-custom-service.ts";
import { readYaml } from "./yaml.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples/kubernetes");
const UID = { uid: "uid-1" };

/** An example as an API server would answer it. */
function exampleOf(folder: string, file: string): unknown {
  const document = readYaml(readFileSync(join(EXAMPLES, folder, file), "utf8"), `read ${file}`) as {
    metadata: object;
    spec: { ports?: object[] };
  };
  const { ports } = document.spec;
  const defaulted = ports && { ports: ports.map((port) => ({ protocol: "tcp", ...port })) };
  return {
    ...document,
    metadata: { ...document.metadata, ...UID },
    spec: { ...document.spec, ...defaulted },
  };
}

/** Without what is undefined. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function faultsOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (hasCode(error, "invalid-input"))
      return error.failure.faults.map(({ path, reason }) => `${path}: ${reason}`);
    throw error;
  }
  return [];
}

describe.each([
  ["services", decodeCustomService],
  ["chains", decodeCustomChain],
] as const)("examples/kubernetes/%s", (folder, decode) => {
  test.each(readdirSync(join(EXAMPLES, folder)))("%s is read", (file) => {
    expect(decode(exampleOf(folder, file)).uid).toBe("uid-1");
  });
});

describe("decodeCustomService()", () => {
  const service = (change: object = {}) => ({
    metadata: { name: "web", namespace: "shop", ...UID },
    spec: { segment: "web", ports: [{ protocol: "tcp", port: 80 }], ...change },
  });

  test("fills in what a check does by default", () => {
    const { health, addresses } = decodeCustomService(
      service({ health: { protocol: "tcp", port: "http" }, addresses: { ipv4: "10.96.0.1" } }),
    );
    expect(health).toEqual({
      protocol: "tcp",
      port: "http",
      interval: 500,
      timeout: 500,
      failures: 2,
      successes: 2,
    });
    expect(addresses?.ipv4 && formatAddress(addresses.ipv4)).toBe("10.96.0.1");
  });

  test.each<[string, object, string]>([
    ["a field that nobody knows", { prots: [] }, 'spec.prots: unknown field, did you mean "ports"?'],
    ["one that the object says itself", { tenant: "other" }, "spec.tenant: unknown field"],
    ["nobody", { segment: undefined }, "spec: one of segment and selector is wanted"],
    ["two", { selector: { matchLabels: { app: "web" } } }, "spec: one of segment and selector is wanted"],
    [
      "a selector that is none",
      { segment: undefined, selector: { app: "web" } },
      "spec.selector.app: unknown field",
    ],
    ["no port", { ports: [] }, "spec.ports: "],
    ["a check without a port", { health: { protocol: "http" } }, "spec.health.port: is missing"],
    ["an address that is none", { addresses: { ipv4: "10.96.0.256" } }, "spec.addresses.ipv4: "],
  ])("%s", (_, change, fault) => {
    expect(faultsOf(() => decodeCustomService(asJson(service(change)))).join("\n")).toContain(fault);
  });
});

describe("decodeCustomChain()", () => {
  const chain = (change: object = {}) => ({
    metadata: { name: "inspected", namespace: "shop", ...UID },
    spec: { from: { any: true }, to: { segment: "web" }, through: [{ segment: "firewall" }], ...change },
  });

  test("drops and goes both ways unless it says otherwise", () => {
    const { through, direction, from } = decodeCustomChain(chain({ from: { cidr: "192.0.2.0/24" } }));
    expect([through, direction]).toEqual([[{ segment: "firewall", fail: "closed" }], "both"]);
    expect(from.cidr && formatPrefix(from.cidr)).toBe("192.0.2.0/24");
  });

  test.each<[string, object, string]>([
    ["from nobody", { from: {} }, "spec.from: one of segment, namespace, cidr and any is wanted"],
    ["from two", { from: { any: true, cidr: "192.0.2.0/24" } }, "spec.from: one of"],
    ["from a block of a namespace", { from: { namespace: "a", cidr: "192.0.2.0/24" } }, "spec.from: one of"],
    ["from not anybody", { from: { any: false } }, "spec.from.any: "],
    ["from bits behind the length", { from: { cidr: "192.0.2.1/24" } }, "spec.from.cidr: "],
    ["to nobody", { to: { namespace: "a" } }, "spec.to: one of segment and service is wanted"],
    ["to two", { to: { segment: "a", service: "b" } }, "spec.to: one of segment and service is wanted"],
    ["through nothing", { through: [] }, "spec.through: "],
    ["through nine", { through: Array(9).fill({ segment: "a" }) }, "spec.through: "],
    [
      "through another namespace",
      { through: [{ segment: "a", namespace: "b" }] },
      "through.0.namespace: unknown",
    ],
    ["a failure that is none", { through: [{ segment: "a", fail: "half" }] }, "spec.through.0.fail: "],
    ["a field that nobody knows", { form: {} }, "spec.form: unknown field"],
  ])("%s", (_, change, fault) => {
    expect(faultsOf(() => decodeCustomChain(asJson(chain(change)))).join("\n")).toContain(fault);
  });
});
