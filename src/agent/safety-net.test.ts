import { expect, test } from "vitest";
import { formatPrefix } from "../net/index.ts";
import { decodeAgentConfig } from "../schema/index.ts";
import { agentSafetyNet, safeTraffic } from "./safety-net.ts";

function net(config: object): ReturnType<typeof agentSafetyNet> {
  return agentSafetyNet(decodeAgentConfig(config, "read configuration"));
}

test.each<[string, string[]]>([
  ["unix:///run/romana/romanad.sock", []],
  ["http://192.0.2.9:9600", ["192.0.2.9/32 9600"]],
  ["http://[fd00::9]:9600", ["fd00::9/128 9600"]],
  ["http://192.0.2.9", ["192.0.2.9/32 80"]],
  ["http://romanad.example:9600", ["anywhere 9600"]],
])("with romanad at %s the machine reaches it", (server, wanted) => {
  const { destinations } = net({ server });
  expect(
    destinations.map(({ prefix, port }) => `${prefix ? formatPrefix(prefix) : "anywhere"} ${port}`),
  ).toEqual(wanted);
});

test("SSH is a service unless another list is given", () => {
  expect(net({}).services).toEqual([{ protocol: 6, port: 22 }]);
  expect(net({ safetyNet: { services: [] } }).services).toEqual([]);
});

test("the evaluator is told of the same, and of DHCP", () => {
  const { destinations } = net({ safetyNet: { destinations: ["10.0.0.1:123/udp"] } });
  expect(safeTraffic({ services: [{ protocol: 6, port: 2222 }], destinations })).toEqual([
    { direction: "ingress", protocol: 17, port: 68 },
    { direction: "ingress", protocol: 17, port: 546 },
    { direction: "egress", protocol: 17, port: 67 },
    { direction: "egress", protocol: 17, port: 547 },
    { direction: "ingress", protocol: 6, port: 2222 },
    { direction: "egress", protocol: 17, port: 123, prefix: { family: 4, value: 0x0a000001n, length: 32 } },
  ]);
});
