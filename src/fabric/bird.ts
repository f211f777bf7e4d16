import { formatAddress, formatPrefix, type Prefix } from "../net/index.ts";
import { communityNumbers, type DeviceConfiguration, sessionName } from "./configuration.ts";
import type { RouteFilter, Session } from "./device-route.ts";
import type { ConfigurationBlocks } from "./template.ts";

/** The configuration as blocks of text of BIRD 2. */
export function renderBird(configuration: DeviceConfiguration): ConfigurationBlocks {
  const { fabric, device, routerId, asn, bfd, sessions } = configuration;
  const families = ([4, 6] as const).filter((family) =>
    sessions.some((session) => session.family === family),
  );
  return {
    head: [
      `# ${configuration.role} ${device} of fabric ${fabric}, written by romana: changes are lost`,
      "log syslog all;",
      `router id ${formatAddress(routerId)};`,
      "protocol device { scan time 10; }",
      // A neighbour that does not come back keeps no route out of the kernel for longer, in seconds.
      ...(configuration.gracefulRestart ? ["graceful restart wait 20;"] : []),
    ],
    bfd:
      bfd === undefined
        ? []
        : [
            "protocol bfd {",
            `  interface "*" { interval ${bfd.intervalMs} ms; multiplier ${bfd.multiplier}; };`,
            "}",
          ],
    kernel: families.flatMap((family) => kernelBlock(configuration, family)),
    origins: families.flatMap((family) => originBlock(configuration, family)),
    sessions: [...templateBlock(configuration, asn), ...sessions.flatMap((session) => sessionBlock(session))],
  };
}

/** The agent of a host has the blackhole of its prefix in the kernel by itself; other devices have nobody but their daemon. */
function kernelBlock({ role, gracefulRestart }: DeviceConfiguration, family: 4 | 6): readonly string[] {
  const exported = role === "host" ? "export where source = RTS_BGP;" : "export all;";
  return [
    `protocol kernel kernel${family} {`,
    "  scan time 10;",
    "  merge paths yes;",
    // The agent starts it again; until then packets go where they went.
    ...(role === "host" ? ["  persist;"] : []),
    ...(role === "host" && gracefulRestart ? ["  graceful restart;"] : []),
    `  ipv${family} { import none; ${exported} };`,
    "}",
  ];
}

function originBlock({ origins, communities }: DeviceConfiguration, family: 4 | 6): readonly string[] {
  const own = origins.filter((prefix) => prefix.family === family);
  if (own.length === 0) return [];
  const marks = communities.map((community) => {
    const numbers = communityNumbers(community);
    const attribute = numbers.length === 2 ? "bgp_community" : "bgp_large_community";
    return ` ${attribute}.add((${numbers.join(", ")}));`;
  });
  const how = marks.length === 0 ? "blackhole" : `blackhole {${marks.join("")} }`;
  return [
    `protocol static origin${family} {`,
    `  ipv${family};`,
    ...own.map((prefix) => `  route ${formatPrefix(prefix)} ${how};`),
    "}",
  ];
}

function templateBlock(
  { bfd, gracefulRestart, password }: DeviceConfiguration,
  asn: number,
): readonly string[] {
  return [
    "template bgp neighbour {",
    "  direct;",
    `  local as ${asn};`,
    "  hold time 9;",
    "  keepalive time 3;",
    "  connect delay time 1;",
    "  connect retry time 1;",
    "  error wait time 1, 2;",
    `  graceful restart ${gracefulRestart ? "on" : "off"};`,
    ...(bfd === undefined ? [] : ["  bfd on;"]),
    ...(password === undefined ? [] : [`  password "${password}";`]),
    "}",
  ];
}

function sessionBlock(session: Session): readonly string[] {
  const { family, peer, localAddress, peerAddress, peerAsn, imports, exports } = session;
  return [
    `protocol bgp bgp_${sessionName(session)} from neighbour {`,
    `  description "${peer}";`,
    `  source address ${formatAddress(localAddress)};`,
    `  neighbor ${formatAddress(peerAddress)} as ${peerAsn};`,
    `  ipv${family} {`,
    "    next hop self;",
    `    import filter ${filterText(imports)};`,
    `    export filter ${filterText(exports)};`,
    "  };",
    "}",
  ];
}

function filterText({ refuse, accept }: RouteFilter): string {
  const list = (texts: readonly string[]): string => `[ ${texts.join(", ")} ]`;
  const ranges = accept.map(({ inside, minLength, maxLength }) =>
    isExact(inside, minLength, maxLength)
      ? formatPrefix(inside)
      : `${formatPrefix(inside)}{${minLength},${maxLength}}`,
  );
  const steps = [
    ...(refuse.length === 0 ? [] : [`if net ~ ${list(refuse.map(formatPrefix))} then reject;`]),
    ...(ranges.length === 0 ? [] : [`if net ~ ${list(ranges)} then accept;`]),
    "reject;",
  ];
  return `{ ${steps.join(" ")} }`;
}

function isExact(inside: Prefix, minLength: number, maxLength: number): boolean {
  return inside.length === minLength && inside.length === maxLength;
}
