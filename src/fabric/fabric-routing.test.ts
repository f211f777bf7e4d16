import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Host } from "../model/index.ts";
import { formatAddress, formatPrefix } from "../net/index.ts";
import type { DeviceRouting } from "./device-route.ts";
import { FABRIC, HOSTS, hostOf, NETWORK } from "./example-fabric.case.ts";
import { createFabricRouting } from "./fabric-routing.ts";
import { hostChanges, routeChanges } from "./route-changes.ts";
import { traceRoute } from "./trace.ts";

const ROUTING = createFabricRouting(FABRIC, [NETWORK], HOSTS);

function text(routing: DeviceRouting, device: string): string[] {
  return [
    ...routing.routesOf(device).map(({ destination, kind, origin, nextHops }) => {
      const via = nextHops.map((hop) => `${hop.device}@${formatAddress(hop.address)}`).join(" ");
      return `${origin} ${kind} ${formatPrefix(destination)} ${via}`.trim();
    }),
    ...routing.problemsOf(device).map(({ reason }) => `! ${reason}`),
  ];
}

describe("each device has what it needs, and no more", () => {
  test.each([
    [
      "spine-1",
      [
        "daemon group 10.16.0.0/12 leaf-1a@172.31.0.1",
        "daemon group 10.32.0.0/12 leaf-2a@172.31.0.3 leaf-2b@172.31.0.5",
      ],
    ],
    [
      "leaf-1a",
      [
        "daemon blackhole 10.16.0.0/12",
        "daemon host 10.17.0.0/16 host-1@172.16.1.11",
        "daemon host 10.18.0.0/16 host-2@172.16.1.12",
        "daemon group 10.32.0.0/12 spine-1@172.31.0.0 spine-2@172.31.1.0",
      ],
    ],
    [
      "leaf-2b",
      [
        "daemon group 10.16.0.0/12 spine-1@172.31.0.4 spine-2@172.31.1.4",
        "daemon blackhole 10.32.0.0/12",
        "daemon host 10.33.0.0/16 host-3@172.17.0.3",
        "daemon host 10.34.0.0/16 leaf-2a@172.31.2.0",
      ],
    ],
    [
      "host-1",
      [
        "daemon group 10.16.0.0/12 leaf-1a@172.16.1.1",
        "agent blackhole 10.17.0.0/16",
        "agent host 10.18.0.0/16 host-2@172.16.1.12",
        "daemon group 10.32.0.0/12 leaf-1a@172.16.1.1",
      ],
    ],
    [
      "host-3",
      [
        "daemon group 10.16.0.0/12 leaf-2a@172.17.0.0 leaf-2b@172.17.0.2",
        "daemon group 10.32.0.0/12 leaf-2a@172.17.0.0 leaf-2b@172.17.0.2",
        "agent blackhole 10.33.0.0/16",
      ],
    ],
    ["nobody", []],
    ["__proto__", []],
  ])("%s", (device, outcome) => {
    expect(text(ROUTING, device)).toEqual(outcome);
  });

  test("a link that is lost takes its ways along", () => {
    const links = FABRIC.links.filter(
      ({ ends }) => !(ends[0].device === "spine-2" && ends[1].device === "leaf-1a"),
    );
    const routing = createFabricRouting({ ...FABRIC, links }, [NETWORK], HOSTS);
    expect(text(routing, "leaf-1a")).toContain("daemon group 10.32.0.0/12 spine-1@172.31.0.0");
    expect(text(routing, "spine-2")).toContain('! default IPv4: it has no way to rack "rack-1"');
    expect(text(routing, "leaf-2a")).toContain("daemon group 10.16.0.0/12 spine-1@172.31.0.2");
  });
});

describe("hosts that cannot be reached are told", () => {
  test.each<[string, Host, readonly string[]]>([
    [
      "no cable",
      hostOf("host-9", 9, "rack-2", "172.17.0.9"),
      ["! default IPv4: it has no way to a leaf of its rack"],
    ],
    [
      "no rack",
      hostOf("host-9", 9, "rack-9", "172.16.1.19"),
      ['! the fabric has no rack for its group "rack-9"'],
    ],
    [
      "ID",
      hostOf("host-9", 99, "rack-1", "172.16.1.19"),
      ["! default IPv4: Cannot encode host: host: ID 99 is not in 0..15"],
    ],
    ["name", hostOf("spine-1", 9, "rack-1", "172.16.1.19"), ["! a device of the fabric has the same name"]],
  ])("%s", (_, host, outcome) => {
    const routing = createFabricRouting(FABRIC, [NETWORK], [...HOSTS, host]);
    expect(text(routing, host.name).filter((line) => line.startsWith("!"))).toEqual(outcome);
  });

  test("leaves tell of a host that they have no way to", () => {
    const routing = ROUTING.withHost(hostOf("host-9", 9, "rack-2", "172.17.0.9"));
    expect(text(routing, "leaf-2b")).toContain('! default IPv4: it has no way to host "host-9"');
  });
});

/** Hosts of any rack, some of them nowhere; a name always has the same ID, so that IDs stay distinct. */
const ANY_HOST = fc
  .record({ number: fc.integer({ min: 1, max: 9 }), rack: fc.constantFrom("rack-1", "rack-2", "rack-3") })
  .map(({ number, rack }) => hostOf(`host-${number}`, number, rack, `172.16.1.${10 + number}`));

describe("changes", () => {
  test("a routing with hosts that come and go is the one that is made anew", () => {
    const steps = fc.array(fc.oneof(ANY_HOST, fc.integer({ min: 1, max: 9 })), { maxLength: 20 });
    fc.assert(
      fc.property(steps, (changes) => {
        const hosts = new Map(HOSTS.map((host) => [host.name, host]));
        let routing = ROUTING;
        for (const change of changes) {
          if (typeof change === "number") {
            hosts.delete(`host-${change}`);
            routing = routing.withoutHost(`host-${change}`);
          } else {
            hosts.set(change.name, change);
            routing = routing.withHost(change);
          }
        }
        const anew = createFabricRouting(FABRIC, [NETWORK], hosts.values());
        expect(routing.devices.map(({ name }) => name).toSorted()).toEqual(
          anew.devices.map(({ name }) => name).toSorted(),
        );
        for (const { name } of anew.devices) expect(text(routing, name)).toEqual(text(anew, name));
        expect(routeChanges(routing, anew)).toEqual([]);
        const byDevice = (all: ReturnType<typeof hostChanges>) =>
          all.toSorted((a, b) => (a.device < b.device ? -1 : 1));
        expect(byDevice(hostChanges(ROUTING, routing))).toEqual(byDevice(routeChanges(ROUTING, routing)));
      }),
    );
  });

  test("one host more: its rack, and nobody else", () => {
    const after = ROUTING.withHost(hostOf("host-9", 9, "rack-1", "172.16.1.19"));
    expect(
      hostChanges(ROUTING, after).map(({ device, changes, before, after: count }) => [
        device,
        changes.map(({ change, route }) => `${change} ${formatPrefix(route.destination)}`),
        before,
        count,
      ]),
    ).toEqual([
      ["leaf-1a", ["add 10.25.0.0/16"], 4, 5],
      ["host-1", ["add 10.25.0.0/16"], 4, 5],
      ["host-2", ["add 10.25.0.0/16"], 4, 5],
      [
        "host-9",
        ["add 10.16.0.0/12", "add 10.17.0.0/16", "add 10.18.0.0/16", "add 10.25.0.0/16", "add 10.32.0.0/12"],
        0,
        5,
      ],
    ]);
  });
});

describe("traces", () => {
  const ends = (from: string, host: string): string[] => {
    const destination = ROUTING.routesOf(host).find(({ kind }) => kind === "blackhole")?.destination;
    if (destination === undefined) throw new Error(`${host} has no prefix`);
    const { steps, arrives } = traceRoute(ROUTING, from, destination);
    return [
      arrives ? "arrives" : "lost",
      ...steps.map(({ depth, device, end }) => `${depth} ${device}${end ? ` ${end}` : ""}`),
    ];
  };
  test.each<[string, string, string[]]>([
    ["host-1", "host-1", ["arrives", "0 host-1 arrived"]],
    ["host-1", "host-2", ["arrives", "0 host-1", "1 host-2 arrived"]],
    ["host-3", "host-4", ["arrives", "0 host-3", "1 leaf-2a", "1 leaf-2b", "2 host-4 arrived"]],
    [
      "host-1",
      "host-4",
      [
        "arrives",
        "0 host-1",
        "1 leaf-1a",
        "2 spine-1",
        "2 spine-2",
        "3 leaf-2a",
        "3 leaf-2b",
        "4 host-4 arrived",
      ],
    ],
  ])("%s to %s", (from, to, outcome) => {
    expect(ends(from, to)).toEqual(outcome);
  });

  test("an address that no host has is dropped at the leaves of its rack", () => {
    const { steps, arrives } = traceRoute(ROUTING, "host-1", { family: 4, value: 0x0a2f0001n });
    expect([arrives, steps.at(-1)?.device, steps.at(-1)?.end]).toEqual([false, "leaf-2b", "blackhole"]);
  });

  test("an address of no rack has no route; an unknown device knows nothing", () => {
    const nowhere = { family: 4, value: 0x0af00001n } as const;
    expect(traceRoute(ROUTING, "host-1", nowhere).steps.map(({ end }) => end)).toEqual(["no-route"]);
    expect(traceRoute(ROUTING, "nobody", nowhere).steps.map(({ end }) => end)).toEqual(["unknown-router"]);
  });

  test("two devices that point at each other are a loop", () => {
    const [route] = ROUTING.routesOf("spine-1");
    if (route === undefined) throw new Error("no route");
    const address = { family: 4, value: 0x0a110001n } as const;
    const to = (device: string) => [{ ...route, nextHops: [{ device, address }] }];
    const routing: DeviceRouting = {
      devices: [
        { name: "a", role: "spine" },
        { name: "b", role: "spine" },
      ],
      routesOf: (device) => to(device === "a" ? "b" : "a"),
      problemsOf: () => [],
    };
    const { steps, arrives } = traceRoute(routing, "a", address);
    expect([arrives, steps.map(({ device, end }) => [device, end])]).toEqual([
      false,
      [
        ["a", undefined],
        ["b", "loop"],
      ],
    ]);
  });
});
