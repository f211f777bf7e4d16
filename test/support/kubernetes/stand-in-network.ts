import { runIp } from "../../../src/lab/command.ts";
import type { Machine } from "./machine.ts";
import type { RuntimeNode } from "./runtime-node.ts";

/** Prefixes of the pods of a node. */
function podPrefixes(number: number): { ipv4: string; ipv6: string } {
  return { ipv4: `10.244.${number}.0/24`, ipv6: `fd44:0:0:${number}::/64` };
}

/**
 * Gives nodes the network that stands in where Romana's is not what a test is about: ptp and host-local of the CNI
 * project, dual stack, with routes between all machines, that of the control plane included.
 */
export async function configureStandInNetwork(
  nodes: readonly RuntimeNode[],
  control: Machine,
): Promise<void> {
  await runIp(
    control.netns,
    nodes.flatMap((node) => routesTo(node, "br0")),
  );
  await Promise.all(
    nodes.map(async (node) => {
      const others = nodes.filter((other) => other !== node);
      await node.ip(others.flatMap((other) => routesTo(other, "eth0")));
      await node.configureNetwork("10-stand-in.conflist", standInNetwork(node.number));
    }),
  );
}

function routesTo({ number, ipv4, ipv6 }: RuntimeNode, device: string): readonly string[] {
  const prefixes = podPrefixes(number);
  return [
    `route add ${prefixes.ipv4} via ${ipv4} dev ${device}`,
    `route add ${prefixes.ipv6} via ${ipv6} dev ${device}`,
  ];
}

/** The configuration of the stand-in network on a node. */
export function standInNetwork(number: number): object {
  const { ipv4, ipv6 } = podPrefixes(number);
  return {
    cniVersion: "1.0.0",
    name: "stand-in",
    plugins: [
      {
        type: "ptp",
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: ipv4 }], [{ subnet: ipv6 }]],
          routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}
