import { describe, expect, test } from "vitest";
import { renderBird } from "./bird.ts";
import { configurationData, configurationOf } from "./configuration.ts";
import { FABRIC, golden, HOSTS, NETWORK } from "./example-fabric.case.ts";
import { createFabricRouting } from "./fabric-routing.ts";
import { renderFrr } from "./frr.ts";
import { fillTemplate, joinBlocks } from "./template.ts";

const ROUTING = createFabricRouting(FABRIC, [NETWORK], HOSTS);
const GUARDED = createFabricRouting({ ...FABRIC, passwordName: "fabric" }, [NETWORK], HOSTS);
const { bfd: _, ...WITHOUT_BFD } = FABRIC;

describe("configurations are those of the golden files", () => {
  test.each(["spine-1", "leaf-2b", "host-1"])("%s", (device) => {
    const configuration = configurationOf(ROUTING, device);
    expect(joinBlocks(renderBird(configuration))).toBe(golden(`${device}.bird`));
    expect(joinBlocks(renderFrr(configuration))).toBe(golden(`${device}.frr`));
    expect(configurationData(configuration)).toEqual(JSON.parse(golden(`${device}.json`)));
  });
});

describe("what a fabric says is in the text of both daemons", () => {
  const text = (fabric: typeof FABRIC, render: typeof renderBird): string =>
    joinBlocks(render(configurationOf(createFabricRouting(fabric, [NETWORK], HOSTS), "leaf-1a")));
  test.each([
    ["BFD", FABRIC, "  bfd on;", "bfd profile romana"],
    [
      "graceful restart",
      { ...FABRIC, gracefulRestart: true },
      "graceful restart on;",
      " bgp graceful-restart\n",
    ],
    ["no graceful restart", FABRIC, "graceful restart off;", " bgp graceful-restart-disable"],
    ["communities", FABRIC, "bgp_community.add((65000, 200))", " set community 65000:200"],
    [
      "large communities",
      FABRIC,
      "bgp_large_community.add((65000, 1, 200))",
      " set large-community 65000:1:200",
    ],
  ])("%s", (_name, fabric, bird, frr) => {
    expect(text(fabric, renderBird)).toContain(bird);
    expect(text(fabric, renderFrr)).toContain(frr);
  });

  test("without BFD nothing of it is there", () => {
    expect(text(WITHOUT_BFD, renderBird)).not.toContain("bfd");
    expect(text(WITHOUT_BFD, renderFrr)).not.toContain("bfd");
  });

  test("the password of all sessions", () => {
    const configuration = configurationOf(GUARDED, "leaf-1a", new Map([["fabric", "s3cret"]]));
    expect(joinBlocks(renderBird(configuration)).match(/password "s3cret";/g)).toHaveLength(1);
    expect(joinBlocks(renderFrr(configuration)).match(/neighbor \S+ password s3cret$/gm)).toHaveLength(4);
  });
});

describe("configurationOf() refuses", () => {
  const refused = (password: string): string =>
    `Cannot configure device "host-1": passwordName: the password "fabric" ${password}`;
  const odd = refused("is not 1 to 80 printable ASCII characters without spaces, quotes and backslashes");
  test.each<[string, ReadonlyMap<string, string>, string]>([
    ["host-1", new Map(), refused("is not given")],
    ["host-1", new Map([["fabric", 'x"; }']]), odd],
    ["host-1", new Map([["fabric", "x\ny"]]), odd],
    ["host-1", new Map([["fabric", "x".repeat(81)]]), odd],
    ["nobody", new Map(), 'Cannot find device "nobody"'],
  ])("%s %o", (device, passwords, message) => {
    expect(() => configurationOf(GUARDED, device, passwords)).toThrow(message);
  });

  test("a host without a session", () => {
    const lost = ROUTING.withHost({ name: "lost", id: 5, group: ["rack-2"], underlay: {} });
    expect(() => configurationOf(lost, "lost")).toThrow("it has no session with anybody");
    const stray = ROUTING.withHost({ name: "stray", id: 5, group: ["rack-9"], underlay: {} });
    expect(() => configurationOf(stray, "stray")).toThrow('the fabric has no rack for its group "rack-9"');
  });
});

describe("fillTemplate()", () => {
  const configuration = configurationOf(ROUTING, "host-1");
  const fill = (text: string): string => fillTemplate(text, renderBird(configuration), configuration);
  test("puts blocks and values in place", () => {
    const text = fill(
      "# {{device}} {{ role }} {{asn}}\nrouter id {{routerId}};\n{{sessions}}\nprotocol direct {}\n",
    );
    expect(text.split("\n").slice(0, 2)).toEqual(["# host-1 host 4200000000", "router id 172.16.1.11;"]);
    expect(text).toContain("neighbor 172.16.1.1 as 65101;");
    expect(text.endsWith("}\nprotocol direct {}\n")).toBe(true);
  });
  test("names every word that means nothing, and a lack of sessions", () => {
    expect(() => fill("{{seesions}} {{__proto__}}")).toThrow(
      /^Cannot fill the template: "\{\{seesions\}\}" means nothing; .*; "\{\{__proto__\}\}" means nothing; .*; it has no "\{\{sessions\}\}"$/,
    );
  });
});
